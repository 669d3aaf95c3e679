# label: fast
# send and receive, through a buffer and without one, and the end.

$ zeroipc create $S --size 1M
$ zeroipc create $S/jobs --kind channel --type i32 --capacity 2
$ zeroipc create $S/hand --kind channel --type u8
$ zeroipc send $S/jobs 1 -5
$ zeroipc send $S/jobs 3
! zeroipc: send: zt-0000000-t/jobs is full; --wait waits
? 3
$ zeroipc cat $S/jobs
> 1
> -5
$ zeroipc send $S/jobs
! zeroipc: send: say what to send, or --close
!~ .*
? 2
$ zeroipc send --close $S/jobs
$ zeroipc send $S/jobs 4
! zeroipc: send: zt-0000000-t/jobs: channel `jobs` in segment `/zt-0000000-t` is closed
? 1
$ zeroipc stat $S/jobs
> structure    zt-0000000-t/jobs
> kind         channel
> type         i32
> element      4 bytes
> elements     2 of at most 2
>~ memory       .*
>~ begins       at byte [0-9]+
> pushed       2 ever
> popped       0 ever
>~ asleep       .*
> late wakes   0
> closed       yes
$ zeroipc receive --all $S/jobs
> 1
> -5
$ zeroipc receive $S/jobs
! zeroipc: receive: zt-0000000-t/jobs is closed
? 3

# Without a buffer a send is over when it was received.
$ zeroipc send $S/hand 7
! zeroipc: send: zt-0000000-t/hand has nobody who receives; --wait waits
? 3
$ zeroipc receive $S/hand
! zeroipc: receive: zt-0000000-t/hand has nothing; --wait waits for an element
? 3
$ zeroipc receive --wait forever -n 2 $S/hand & zeroipc send --wait forever $S/hand 7 8; wait
> 7
> 8
$ zeroipc push $S/hand 7
! zeroipc: push: zt-0000000-t/hand: `hand` in segment `/zt-0000000-t` is of kind channel (15), not queue: open it as what it is
? 1

# A descriptor in an event loop.
$ zeroipc rm $S/jobs && zeroipc create $S/jobs --kind channel --type u64 --capacity 8
$ $top_builddir/examples/select_loop $S & zeroipc send --wait 60 $S/jobs 1 2 3 4 5 6 7 8 9 10 11 12 && zeroipc send --close $S/jobs; wait
> 12 jobs, of 78 together
