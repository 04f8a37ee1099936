"""The pages and the API: parse, call, render. `application` puts them together, `server` runs them."""
