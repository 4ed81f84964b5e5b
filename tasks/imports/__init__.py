"""Files of people from the dashboard: uploaded, every row checked by a worker, and written when somebody says go."""
