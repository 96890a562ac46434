"""The sidecar: polls services, keeps their history, answers the API and shows the page. It changes nothing anywhere."""
