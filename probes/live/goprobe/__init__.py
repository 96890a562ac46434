"""goprobe's endpoints: what they answer, and what it says."""
