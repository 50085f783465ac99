// Runs before the page is painted: says to the stylesheet that scripts run here, so that nothing jumps afterwards.
if ("noModule" in HTMLScriptElement.prototype) document.body.classList.add("js-enabled", "govuk-frontend-supported");
