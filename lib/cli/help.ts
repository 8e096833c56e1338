const general = `nevermind: cancellation that goes all the way down

  nevermind demo     four acts on a chain of real processes: cancel, deadline, peer closed, shutdown
  nevermind bench    how fast a cancel gets through such a chain

  nevermind <command> --help    what a command takes
  nevermind --version
`;

const demo = `nevermind demo: a client calls A, A calls B, B calls C, each in a process of its own, over HTTP/2 on this machine.
Four acts end the call before its time, and each hop tells what it saw of that, and when.

  --no-propagate   hand no token on, to see what is lost without it
  --json           print the same as JSON
  --serve          keep the chain up until Ctrl-C, to be called with curl; with --json: a line for each event
  --port N         the port of A (default: any that is free)

Exit code 1 when a handler is still at work 1 s after the event, or a hop saw another reason than the act is about.
Colour goes to a terminal only, and NO_COLOR turns it off.
`;

const bench = `nevermind bench: starts a chain of processes, cancels one call after another, and measures how long it takes from
the caller's cancel until each hop's token is cancelled, and until the last handler has stopped.

  --hops N         services in the chain, 1 to 16 (default 3)
  --cancels N      cancels that count, 1 to 100000 (default 200)
  --warmup N       cancels before those (default 50)
  --json FILE      write the figures to a file as well; - is standard output, and nothing else then

Exit code 1 when a cancel has not arrived within 1 s, or a handler ran on.
`;

export const help: Readonly<Record<'general' | 'demo' | 'bench', string>> = { general, demo, bench };
