"""What is done to the service: updates, drills, and the looks at its answers, its state and what it leaves behind."""
