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
//     hands over listeners, states and connections, and calls exec. Whatever fails on the way, the old image serves on. If
//     [CanaryOptions] say so, the new image first serves a share of the connections beside the old one.
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
//  2. [Probe.RegisterState], [RegisterConns], [Probe.Listen] and [Probe.ListenPacket], in any order: a state or a kind of
//     connections that is handed over and not registered is an error, and a listener that is not asked for is closed by
//     Ready. [Probe.Track] and [Probe.InFlight] declare what exec would lose.
//  3. [Probe.Ready], once. All states are put into place, or none; then the loops of kept connections go on.
//  4. [Probe.OnReload], [Probe.Serve] or [Probe.ServeTLS], [Conns.Serve], [Probe.ServeGraceful]; [Probe.Handle] for handlers
//     that another server runs.
//  5. [Probe.Stop], if the process goes on without the probe. It need not be called before the process ends.
//
// Upgrade is all that most services call. One that drains by itself calls [Probe.PrepareExec] and [Probe.Exec], and
// [Probe.CancelExec] to take the first back; one whose next image is another process has [Drainable] and [Drain].
//
// Errors say what refused: [NotReadyError] with its reasons, [TrialError], [CanaryError], [StateError], [ExecError], or
// [ErrBusy] while another update is under way.
//
// # Connections that survive
//
// A service whose clients stay connected for long gives their connections to the probe. Each is served by a loop, and the
// loop stops between two messages when an update is due:
//
//	chats, err := goprobe.RegisterConns(p, goprobe.ConnKind[Session]{
//		Name: "chat", Version: 1, Framing: goprobe.Lines(64 << 10), Serve: serve,
//	})
//	…
//	err = p.Ready() // goes on with the connections of the image before
//	err = chats.Serve(l, func(net.Conn) (Session, error) { return Session{}, nil })
//
//	func serve(c *goprobe.Conn, s *Session) error {
//		for {
//			line, err := c.ReadMessage()
//			if err != nil {
//				return err // goprobe.ErrHandover when an update is due
//			}
//			s.Count++
//			if _, err := fmt.Fprintf(c, "%d %s", s.Count, line); err != nil {
//				return err
//			}
//		}
//	}
//
// The same function is called for a new connection, in the next image for one that it took over, and in this image again
// when an update failed. What it has to know is in the session; what only the process knows, such as a membership in a
// room, it sets up when it begins and takes back when it returns. A message that was read counts as done: the loop does not
// return with one in hand.
//
// The descriptor itself stays open through exec. Beside it travel the session, by a codec with a version, the bytes that
// were read and are no whole message yet, and those that were written and did not fit into the socket's buffer: the next
// image sends them first. The trial decodes every session while the old image still has them all, so that one which cannot
// be restored, or which crashes the new image, leaves the old one serving.
//
//   - A [Framing] tells where messages end: [Lines], [LengthPrefixed], [WebSocket], or [Messages] for a protocol of the
//     service's own; [Stream] where there are none. Reads never go beyond a message, whatever buffers a library puts
//     around the Conn, and give a message only once all of it is there.
//   - Goroutines other than the loop's may write to a Conn, one message a Write. Those that need several Writes for a
//     message, as libraries do, end before the loop returns.
//   - The loop comes to the end of its message within UpgradeOptions.PrepareTimeout, or the update is refused: use write
//     deadlines, and select on [Conn.Handover] where the loop waits for something else than a message.
//   - Read deadlines, write deadlines and what a library set up last until the loop returns. SetNoDelay and SetKeepAlive are as
//     package net has them for a new connection.
//   - TCP and unix sockets are kept, and WebSockets after their handshake: package websocket, below this one, puts the usual
//     libraries on a Conn. TLS keeps its secrets in the process: such connections are served in the same way, and closed
//     with close_notify right before exec, as others are whose type hides what is below them. Status counts them.
//   - HTTP/2 and gRPC have an end of their own, GOAWAY: [Probe.ServeGraceful] runs such a server and stops it gracefully.
//     Connections of QUIC cannot be kept; [Probe.ListenPacket] hands over the socket of datagrams.
//   - Each kept connection needs its descriptor and no other; the trial needs about ten for a moment. Where RLIMIT_NOFILE
//     has no room for them, the update is refused.
//
// The folder examples has a program for each of these.
//
// # A canary before the update
//
// A service whose requests change nothing in the memory of its process, or change it for two processes at once, can let the
// new image serve a share of the connections for a while:
//
//	server := &http.Server{Handler: p.Measure(mux)} // counts requests, failures and times
//	…
//	err := p.Upgrade(ctx, goprobe.UpgradeOptions{Canary: goprobe.CanaryOptions{
//		Share: 0.05, For: time.Minute, SharesState: true,
//	}})
//
// The new image runs the same main in a child process, where [Probe.Canary] is true: Listen gives listeners that accept what
// the old image passes, Ready returns, and Serve serves. A connection is passed by its descriptor, right after it was
// accepted and before anything of it was read. [Probe.Measure] and [Probe.Request] count on both sides, and [CountsJudge]
// compares them as the rollback watch of hotgate does; [JudgeFunc] and [URLJudge] decide otherwise. A new image that was
// good drains, its process ends, and the update goes on in place; else it ends, and Upgrade returns a [CanaryError].
//
//   - A new image that is bad hurts at most its share, and for no longer than the judge takes: answers with status 500 until
//     there are 10 of them, connections of a crash at once, those of a process that hangs after 3 s, and then until
//     the child has drained, which takes the times of [DrainOptions].
//   - The service's servers have to be the probe's (Serve, ServeTLS, ServeGraceful, [Conns.Serve]), or else the child cuts what
//     they serve when it ends. Kept connections go back to the old image then.
//   - The child writes to the same standard output and error. It takes no heartbeat, gets no datagrams, no reload signal,
//     and no update of its own. When the old image ends, it serves what it has to the end, and ends.
//
// # Limits
//
//   - Updates need Linux: sealed memory files, and a timer that can be read back. On other systems of Unix the probe answers
//     what it can. Windows is not supported.
//   - A connection that had no request for as long as the announcement takes is closed. A client that sends a request on it
//     in the same instant sees the connection end, as with every server that closes idle connections. Hijacked connections
//     count as work in flight until their handler returns, and are cut by exec unless they are given to Keep.
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
//   - Foreign threads are counted as those of the process that the runtime did not make and that stay for several looks; one
//     that called back into Go is counted as Go's. Which ones they are is told by where they wait, and may be uncertain while
//     C calls are running.
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
