"""`python -m souviens` is the program `souviens`."""

from souviens.doors.cli import main

if __name__ == "__main__":
    main()
