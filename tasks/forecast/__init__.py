"""What a broadcast would do, reckoned by the code that does it; and the plan that holds a send to what was found."""
