// Package goprobe is what a service embeds so that hotgate can tell whether its process may be replaced in place, and so
// that it can replace itself without losing a request.
//
// It does three things, and a service may use the first two without the third:
//
//   - It answers over HTTP what hotgate asks about this process: [Probe.Handler] on the service's own mux, or
//     [Probe.ServeEndpoints] on a port of its own. WIRE.md has the answers; their types start at [Status], [Cgo],
//     [Heartbeat] and [Health].
//   - It records a window of the CPU profile every minute, the heartbeat, so that there is something to compare an update
//     with. [Options] has its times, and switches it off.
//   - It replaces the program in this process by the next one: [Probe.Upgrade] tries the new image, drains the servers,
//     hands over listeners and states, and calls exec. Whatever fails on the way, the old image serves on.
//
// # Deployment
//
// The process keeps its PID through an update: exec replaces the program in it. That suits systemd (Type=exec or simple),
// and containers in which the service is PID 1. Write the new program under another name and rename it over the old one:
// a running program cannot be written (ETXTBSY). Then send the reload signal.
//
//   - The new image is tried twice in a child process, with the state but without listeners. For that long the service takes
//     its memory twice, and whatever main does before Ready happens in the child, too: ask Trial before taking locks,
//     registering with others, or running migrations.
//   - New connections wait in the kernel's queue from the end of the announcement until the new image accepts: about 0.3 s,
//     the time of the second trial, and the start. The queue holds net.core.somaxconn of them; what comes beyond is tried
//     again by TCP after 1 s.
//   - Send the reload signal as often as you like: OnReload takes those that come during an Upgrade as one, and what comes
//     while the images change is lost without harm, on amd64 and arm64. Elsewhere it could end the new image before its
//     runtime has handlers: send one signal, and wait. The first image must have called OnReload before it gets one.
//   - The next image has to use this package, too. One that does not would run as a service in its trial, fail to listen, or
//     be killed at the trial's deadline; either way the old image serves on.
//
// # Order of calls
//
// A service's main has this order:
//
//	p, err := goprobe.Start(ctx, goprobe.Options{})
//	err = p.RegisterState("orders", 1, goprobe.JSON(book.Snapshot, book.Restore))
//	l, err := p.Listen("tcp", ":8080")
//	err = p.Ready() // restores what was handed over; in a trial it reports, and the process ends here
//	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
//	mux.Handle("/debug/", p.Handler())
//	err = p.Serve(l, &http.Server{Handler: mux})
//
// Each call has its time:
//
//  1. [Start] comes first: it takes what the image before handed over. [Probe.Trial] tells from then on whether this
//     process only tries whether the image comes up.
//  2. [Probe.RegisterState] and [Probe.Listen], in any order: a state that is handed over and not registered is an
//     error, and a listener that is not asked for is closed by Ready. [Probe.Track] and [Probe.InFlight] declare what
//     exec would lose.
//  3. [Probe.Ready], once. All states are put into place, or none.
//  4. [Probe.OnReload], [Probe.Serve] or [Probe.ServeTLS]; [Probe.Handle] for handlers that another server runs.
//  5. [Probe.Stop], if the process goes on without the probe. It need not be called before the process ends.
//
// Upgrade is all that most services call. One that drains by itself calls [Probe.PrepareExec] and [Probe.Exec], and
// [Probe.CancelExec] to take the first back; one whose next image is another process has [Drainable] and [Drain].
//
// Errors say what refused: [NotReadyError] with its reasons, [TrialError], [StateError], [ExecError], or [ErrBusy] while
// another update is under way.
//
// # Limits
//
//   - Updates need Linux: sealed memory files, and a timer that can be read back. On other systems of Unix the probe answers
//     what it can. Windows is not supported.
//   - A connection that had no request for as long as the announcement takes is closed. A client that sends a request on it
//     in the same instant sees the connection end, as with every server that closes idle connections. Hijacked connections,
//     such as WebSockets, count as work in flight until their handler returns, and are cut by exec.
//   - Listeners are handed over under their own descriptor numbers in a variable of this package. LISTEN_FDS of
//     sd_listen_fds(3) is understood, and set for the next image when the descriptors lie where it wants them: moving them
//     there would overwrite descriptors that the old image needs if exec fails. Start takes LISTEN_FDS out of the
//     environment, unless one of its descriptors is no listening socket, such as one of UDP: then the variables and all of
//     the descriptors stay as they are for the code that wants that one, which is not handed over.
//   - Serve and ServeTLS take listeners of Listen, also wrapped, as by tls.NewListener. Upgrade refuses, with the reason
//     "drain", while they serve another: its socket would not be handed over.
//   - A program with set-id bits or file capabilities takes nothing over from its environment (AT_SECURE), so that its
//     Upgrade is refused after the trial. Give the service its capabilities by its service manager instead.
//   - A service with a thread that never leaves C cannot pass PrepareExec.
//   - Exec alone neither drains nor tries: a state that the next image cannot read is then lost with the old one.
//   - Foreign threads are counted as those of the process that the runtime did not make; one that called back into Go is
//     counted as Go's. Which ones they are is told by where they wait, and may be uncertain while C calls are running.
//
// # Safety
//
// Nothing happens on import. The endpoints answer on loopback addresses only, unless Options.Token is set. Behind a reverse
// proxy on the same host every request comes from loopback: those that the proxy marks (Forwarded, Via, X-Forwarded-*,
// X-Real-Ip) are refused without a token, but not every proxy marks them. There, set a token, or leave the handler off the
// service's mux and call ServeEndpoints with a loopback port of its own, which no proxy leads to.
//
// Answers are bounded in size, rate and number; what looks at every goroutine gets one twentieth of a CPU. The log is
// silent unless a logger is given. Stop may be called at any time, and again.
//
// Built without cgo the parts about C are absent, and the answers say so.
package goprobe
