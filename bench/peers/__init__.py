"""Other memories beside ours, over the same data in the same run: what their users find with them, without an LLM.

    python -m bench.peers --data DIR --sets locomo --encoder FOLDER [--peers chroma,mem0] [--questions N] [--json OUT]

Each peer is installed from the package registry into an environment of its own (`environments`), and is one small script that runs
inside it (`inside/with_<name>.py`) and talks JSON lines with the bench (`talk`). All of them take their vectors from the same
encoder as ours, over loopback (`endpoint`); `rows` asks and scores. Nothing else of the network is open to them.
"""
