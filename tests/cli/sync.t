# label: fast
# What is to wait for: made, shown, waited for and signalled.

$ zeroipc create $S --size 1M
$ zeroipc create $S/sem --kind semaphore --capacity 3 --initial 1
$ zeroipc create $S/own --kind semaphore --capacity 2 --owned
$ zeroipc create $S/bar --kind barrier --capacity 2
$ zeroipc create $S/lat --kind latch --capacity 5
$ zeroipc create $S/eve --kind event
$ zeroipc create $S/aut --kind event --auto
$ zeroipc ls $S
> STRUCTURE  KIND       ELEMENTS  CAPACITY  MEMORY  TYPE
> sem        semaphore         1         3     320  u64
> own        semaphore         2         2     384  u64
> bar        barrier           0         2     384  u64
> lat        latch             5         5     256  u64
> eve        event             0         1     320  u64
> aut        event             0         1     320  u64

# Each kind takes its own options.
$ zeroipc create $S/no --kind semaphore 2>&1 | head -n 1
> zeroipc: create: --kind semaphore needs --capacity
$ zeroipc create $S/no --kind event --capacity 1 2>&1 | head -n 1
> zeroipc: create: --kind event takes no --capacity
$ zeroipc create $S/no --kind latch --capacity 1 --type u64 2>&1 | head -n 1
> zeroipc: create: --kind latch takes no --type
$ zeroipc create $S/no --kind latch --capacity 1 --owned 2>&1 | head -n 1
> zeroipc: create: --kind latch takes no --owned
$ zeroipc create $S/no --kind barrier --capacity 1 --initial 1 2>&1 | head -n 1
> zeroipc: create: --kind barrier takes no --initial
$ zeroipc create $S/no --kind barrier --capacity 1 --auto 2>&1 | head -n 1
> zeroipc: create: --kind barrier takes no --auto
$ zeroipc create $S/no --kind semaphore --capacity 1 --initial 2
!~ zeroipc: create: zt-0000000-t/no: semaphore `no` would begin with 2 permits of 1.*
? 1

# A semaphore.
$ zeroipc wait --wait 0 $S/sem; zeroipc wait --wait 0.01 $S/sem
! zeroipc: wait: zt-0000000-t/sem: no permit was free in time
? 3
$ zeroipc signal -n 2 $S/sem; zeroipc signal -n 2 $S/sem
!~ zeroipc: signal: zt-0000000-t/sem: 2 permits of semaphore `sem` are free of at most 3: .*
? 1
$ zeroipc stat $S/sem | grep -v begins
> structure    zt-0000000-t/sem
> kind         semaphore
> type         u64
> element      8 bytes
> memory       320 bytes
> permits      2 free of at most 3, plain
>~ asleep       (none|maybe some)
> late wakes   0
$ zeroipc stat --json $S/sem | jq -c '[.kind, .value, .owned, .holders]'
> ["semaphore",2,false,null]

# A permit that is held while a command runs; its status is the command's.
$ zeroipc wait $S/own
! zeroipc: wait: zt-0000000-t/own is owned: its permit would come back as this program ends; name a command to run while it is held
? 1
$ zeroipc wait $S/own bash -c 'zeroipc stat $S/own | grep permits; exit 7'
> permits      1 free of at most 2, owned
? 7
$ zeroipc wait $S/own bash -c 'zeroipc stat --json $S/own' | jq -c '[.value, .owned, (.holders[] | [.permit, .alive, .name])]'
> [1,true,[0,true,"zeroipc"]]
$ zeroipc wait $S/own bash -c 'kill $$'
? 143
$ { zeroipc wait $S/own bash -c 'kill -9 $PPID'; } 2>/dev/null; zeroipc wait --wait 0 $S/own $ZEROIPC wait --wait 0 $S/own $ZEROIPC wait --wait 0 $S/own true
! zeroipc: wait: zt-0000000-t/own: no permit was free in time
? 3
$ zeroipc wait $S/own no-such-program
! zeroipc: wait: cannot run `no-such-program`: No such file or directory
? 1
$ zeroipc signal $S/own
!~ zeroipc: signal: zt-0000000-t/own: this process holds 0 permits of semaphore `own`: .*
? 1

# A latch.
$ zeroipc signal -n 4 $S/lat; zeroipc wait --wait 0 $S/lat
! zeroipc: wait: zt-0000000-t/lat: its count was not 0 in time
? 3
$ zeroipc stat $S/lat | grep count
> count        1 left of 5
$ zeroipc wait $S/lat & zeroipc signal $S/lat && wait $!
$ zeroipc stat --json $S/lat | jq -c .value
> 0

# Events.
$ zeroipc wait --wait 0 $S/eve
! zeroipc: wait: zt-0000000-t/eve: it was not set in time
? 3
$ zeroipc wait $S/eve & zeroipc signal $S/eve && wait $! && zeroipc wait $S/eve
$ zeroipc stat $S/eve | grep ^set
> set          yes, reset by hand
> sets         1 ever
$ zeroipc signal --reset $S/eve; zeroipc stat --json $S/eve | jq -c '[.value, .automatic, .sets]'
> [0,false,1]
$ zeroipc signal $S/aut; zeroipc wait $S/aut; zeroipc stat $S/aut | grep ^set
> set          no, reset by who waits
> sets         1 ever

# A barrier: those who wait are its parties.
$ zeroipc wait $S/bar & zeroipc wait $S/bar && wait $!
$ zeroipc stat $S/bar | grep -E '^(arrived|rounds)'
> arrived      0 of 2 parties
> rounds       1 complete, 0 broken
$ zeroipc wait --wait 0 $S/bar
! zeroipc: wait: zt-0000000-t/bar: not all have arrived in time
? 3
$ $ZEROIPC wait $S/bar & until zeroipc stat $S/bar | grep -q 'arrived  *1 of'; do :; done; zeroipc stat $S/bar | sed -nE '/PARTY/,$s/ +[^ ]+ +[^ ]+ [^ ]+ [^ ]+ +alive/ alive/p'; kill -9 $!; wait $! 2>/dev/null; zeroipc stat $S/bar | grep -cE ' dead +arrived'
>~     0 +[0-9]+  zeroipc alive  arrived
> 1

# What is wrong is told.
$ zeroipc create $S/q --kind queue --type u8 --capacity 1; zeroipc wait $S/q
! zeroipc: wait: zt-0000000-t/q is nothing to wait for: semaphore, barrier, latch, event, future and lazy are
? 1
$ zeroipc signal $S/bar
! zeroipc: signal: zt-0000000-t/bar takes no signal: semaphore, latch and event do
? 1
$ zeroipc signal --reset $S/sem 2>&1 | head -n 1
> zeroipc: signal: --reset is for an event
$ zeroipc signal -n 2 $S/eve 2>&1 | head -n 1
> zeroipc: signal: -n is for a semaphore or a latch
$ zeroipc wait $S/lat true
! zeroipc: wait: zt-0000000-t/lat is a latch: only a semaphore's permit is held while a command runs
? 1
$ zeroipc cat $S/lat
! zeroipc: cat: zt-0000000-t/lat is a latch, which has no elements: `zeroipc stat` tells its state
? 1
$ zeroipc wait $S/none
!~ zeroipc: wait: zt-0000000-t/none: no such structure; .*
? 1
