"""A running process -> facts: from `/proc`, from goprobe's endpoints, from plain pprof. Never judges, never writes."""
