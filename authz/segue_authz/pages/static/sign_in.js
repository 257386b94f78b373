// Keeps a fragment, such as the code of a QR code's address, through signing in: a redirect hands it on (RFC 9110 10.2.2).

const form = document.querySelector("form");
form.action = form.getAttribute("action") + location.hash;
