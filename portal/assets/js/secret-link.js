// A link's secret stands after "#", which browsers do not send. It is moved into the form, out of the address bar and out of the
// history, and goes to the server in the body when a person presses the button: a mail scanner that opens the link spends nothing.

export function takeSecret(form) {
  const secret = location.hash.slice(1);
  if (!secret) return;
  const hidden = document.createElement("input");
  hidden.type = "hidden";
  hidden.name = "link";
  hidden.value = secret;
  form.querySelector('[data-secret-link="box"]').replaceChildren(hidden);
  history.replaceState(null, "", location.pathname);
}
