"""The ways in for people and programs: the command line and MCP. A door talks to `port` and `recall`; nothing sees a door."""
