// A button that copies a read-only field, with a word that it was done. Without it the text can be selected and copied by hand.

export function offerCopy(field) {
  field.addEventListener("focus", () => field.select());
  if (!navigator.clipboard) return;
  const row = document.createElement("p");
  row.className = "dl-copy";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "govuk-button govuk-button--secondary";
  button.textContent = "Copy";
  const word = document.createElement("span");
  word.className = "govuk-body";
  word.setAttribute("role", "status");
  row.append(button, word);
  field.after(row);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      word.textContent = "Copied";
    } catch {
      field.select();
      word.textContent = "Press Ctrl and C to copy";
    }
  });
}
