"""Lists: Flask-Admin's model views as Carillon uses them, small ones and those of any size."""
