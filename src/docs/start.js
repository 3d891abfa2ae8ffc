// In a file of its own, so that the page needs no inline scripts and its Content-Security-Policy allows none.
window.ui = SwaggerUIBundle({
  url: "/openapi/v1.json",
  dom_id: "#swagger-ui",
  // No bar for loading other documents: this page speaks for this service only.
  layout: "BaseLayout",
  deepLinking: true,
  filter: true,
  docExpansion: "none",
  tryItOutEnabled: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  // Nobody else is asked to judge the document.
  validatorUrl: null,
});
