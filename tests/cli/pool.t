# label: fast
# A pool: whose its objects are, what is in them, and what the dead had.

$ zeroipc create $S --size 10M
$ zeroipc create $S/none --kind pool --type u64 --capacity 3 --reclaims
$ zeroipc create $S/jobs --kind queue --type u64 --capacity 3 --reclaims
!~ zeroipc: create: --kind queue takes no --reclaims
!~ usage: .*
!~  .*
!~  .*
? 2
$ zeroipc cat $S/none
$ zeroipc cat --json $S/none
> []
$ zeroipc cat "$S/none[1]"
! zeroipc: cat: zt-0000000-t/none: object 1 is free
? 1
$ zeroipc cat "$S/none[3]"
! zeroipc: cat: zt-0000000-t/none has 3 objects: there is no [3]
? 1
$ zeroipc reclaim $S/none
> 0

# A producer dies by kill -9, with one frame in its hands and two on their way.
$ $top_builddir/examples/frames_producer $S 2 crash
? 137
$ zeroipc ls $S | cut -c 1-36
> STRUCTURE  KIND   ELEMENTS  CAPACITY
> none       pool          0         3
> frames     pool          3         8
> sent       queue         2         8
$ zeroipc stat $S/frames
> structure    zt-0000000-t/frames
> kind         pool
> type         {number:u64, pixels:bytes:1048568}
>~ element      1M \(1048576 bytes\)
> elements     3 of at most 8
>~ memory       8M \([0-9]+ bytes\)
>~ begins       at byte [0-9]+
>
>~ PLACE +PID  PROCESS          STATE  OWNED  PASSED  SENDING
>~     0 +[0-9]+  frames_producer  dead       1       2        0
$ zeroipc stat --json $S/frames | jq -c '.size, (.owners[] | del(.pid))'
> 3
> {"place":0,"process":"frames_producer","alive":false,"owned":1,"passed":2,"sending":0}
$ zeroipc cat --json $S/frames | jq -c '.[] | [.state, .alive, .value.number]'
> ["passed",false,1]
> ["passed",false,2]
> ["owned",false,0]
$ zeroipc cat "$S/frames[0]" | cut -c 1-60
>~ 0  passed by [0-9]+ frames_producer, dead  \{"number": 1.*
$ zeroipc reclaim $S/frames
> 1
$ zeroipc reclaim $S/frames
> 0
$ $top_builddir/examples/frames_consumer $S 1
> frames_consumer: 1 of 1 frames are whole
$ zeroipc reclaim --passed $S/frames
> 1
$ zeroipc ls $S | cut -c 1-36
> STRUCTURE  KIND   ELEMENTS  CAPACITY
> none       pool          0         3
> frames     pool          0         8
> sent       queue         1         8
$ $top_builddir/examples/frames_producer $S 20 & $top_builddir/examples/frames_consumer $S 20; wait
>~ frames_.*
>~ frames_.*
$ zeroipc reclaim $S/jobs
!~ zeroipc: reclaim: zt-0000000-t/jobs: .*no structure.*|zeroipc: reclaim: zt-0000000-t/jobs: no such structure.*
? 1
$ zeroipc reclaim $S/sent
!~ zeroipc: reclaim: zt-0000000-t/sent: .* of kind queue .*
? 1
$ zeroipc reclaim $S
!~ zeroipc: reclaim: .*
!~ usage: .*
? 2
