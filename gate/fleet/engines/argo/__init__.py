"""Documents for Argo Workflows and Argo Rollouts, for components that run in Kubernetes."""
