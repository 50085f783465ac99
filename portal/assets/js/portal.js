// What every page needs: the toolkit's components, and two small ones of our own.
import { Button, ErrorSummary, NotificationBanner, PasswordInput, Radios, ServiceNavigation, SkipLink, createAll } from "govuk-frontend";
import { offerCopy } from "./copy.js";
import { takeSecret } from "./secret-link.js";

for (const component of [Button, ErrorSummary, NotificationBanner, PasswordInput, Radios, ServiceNavigation, SkipLink]) createAll(component);
for (const form of document.querySelectorAll('[data-module="dockline-secret-link"]')) takeSecret(form);
for (const field of document.querySelectorAll('[data-module="dockline-copy"]')) offerCopy(field);
