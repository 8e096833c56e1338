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

What is measured
  --hops N             services in the chain, 1 to 16 (default 3)
  --transport NAME     h2c: the client over HTTP/2 (default); h2: with TLS; h1: the client over fetch and HTTP/1.1;
                       fetch: no client, web handlers that call each other with createFetch
  --at PHASE           working: while the last hop works (default); streaming: while answers stream;
                       before-headers: right behind the call, racing it down the chain
  --chain FILE         your own chain: a module that exports start(), see docs/guide/benchmark.md
  --cancels N          cancels that count, 1 to 100000 (default 200)
  --warmup N           cancels before those (default 50)
  --load N             calls under way beside them all the time, which nobody cancels (default 0)
  --patience MS        when a cancel counts as one that never arrived (default 1000)
  --fault late|lost    let the hop in the middle hand cancels on 2 ms late, or lose each tenth: to see a gate fail

The gate
  --floor              measure a chain of bare node:http2 beside it, cancel by cancel; figures become ratios
  --budget 1.5x        the last hop may take so many times the floor
  --baseline FILE      the ratios that were
  --tolerance 20%      how much more than those is allowed (default 20%)
  --update-baseline    write this run's ratios to the baseline

What comes out
  --json FILE          write the figures to a file as well; - is standard output, and nothing else then
  --markdown FILE      the same as a table, as for the summary of a job
  --svg FILE           the same as a plot

Exit code 1 when a ratio is worse than allowed, a cancel has not arrived, a call that nobody cancelled was cancelled, or a
handler ran on; 2 for what can not be measured; 130 after Ctrl-C, with the figures so far.
`;

export const help: Readonly<Record<'general' | 'demo' | 'bench', string>> = { general, demo, bench };
