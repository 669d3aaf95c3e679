# label: fast
# Mutexes and onces, and commands that run while a mutex is held.

$ zeroipc create $S --size 1M
$ zeroipc create $S/m --kind mutex
$ zeroipc create $S/o --kind once
$ zeroipc create $S/n --kind mutex --type u64 2>&1 | head -n 1
> zeroipc: create: --kind mutex takes no --type
$ zeroipc create $S/n --kind once --capacity 2 2>&1 | head -n 1
> zeroipc: create: --kind once takes no --capacity
$ zeroipc create $S/r --kind rwlock --max-readers 3
$ zeroipc stat $S/r | grep -E '^(kind|state|readers)'
> kind         rwlock
> state        free
> readers      0 of at most 3
$ zeroipc create $S/big --kind rwlock --max-readers 5000
! zeroipc: create: zt-0000000-t/big: max_readers is 5000: at most 4096
? 1
$ zeroipc stat $S/m | grep -v ^begins
> structure    zt-0000000-t/m
> kind         mutex
> type         u64
> element      8 bytes
> memory       1.2K (1280 bytes)
> state        free
> deaths       0
> asleep       none
> late wakes   0
$ zeroipc stat $S/o | grep ^state
> state        not done
$ zeroipc cat $S/m

# The command sees the lock held, by who runs it.
$ zeroipc lock $S/m sh -c 'z=$top_builddir/cli/zeroipc; test "$($z cat $0/m)" = $PPID && $z stat $0/m | grep -E "^state|^holder"' $S
> state        held
>~ holder       [0-9]+ \(.*zeroipc\), alive
$ zeroipc lock $S/m $top_builddir/cli/zeroipc lock --wait 0 $S/m true
! zeroipc: lock: zt-0000000-t/m is held by another; --wait waits for it
? 3
$ zeroipc lock $S/m $top_builddir/cli/zeroipc lock --wait 0.01 $S/m true
! zeroipc: lock: zt-0000000-t/m is held by another
? 3

# Its status is the command's.
$ zeroipc lock $S/m sh -c 'exit 7'
? 7
$ zeroipc lock $S/m sh -c 'kill -9 $$'
? 137
$ zeroipc lock $S/m /no/such/command
! zeroipc: lock: cannot run `/no/such/command`: No such file or directory
? 127

# A holder that is killed is told of until the repair succeeds.
$ (zeroipc lock $S/m sh -c 'kill -9 $PPID; sleep 10') 2>/dev/null
? 137
$ zeroipc stat $S/m | grep -E '^state|^holder'
> state        held
>~ holder       ([0-9]+ \(.*zeroipc\), )?dead
$ zeroipc lock $S/m sh -c 'echo "died: $ZEROIPC_OWNER_DIED"; false'
> died: 1
? 1
$ zeroipc stat $S/m | grep -E '^state|^deaths'
> state        free, inconsistent
> deaths       1
$ zeroipc stat --json $S/m | jq -c '[.state, .inconsistent, .deaths]'
> ["free",true,1]
$ zeroipc lock $S/m sh -c 'echo "died: $ZEROIPC_OWNER_DIED"'
> died: 1
$ ZEROIPC_OWNER_DIED=1 zeroipc lock $S/m sh -c 'echo "died: $ZEROIPC_OWNER_DIED"'
> died: 
$ zeroipc lock --reset $S/m true

$ zeroipc lock $S/m
!~ zeroipc: lock: name a mutex, as SEGMENT/MUTEX, and a command
!~ usage: .*
? 2
$ zeroipc lock $S/o true
!~ zeroipc: lock: zt-0000000-t/o: .* is of kind once .*, not mutex.*
? 1
$ zeroipc lock --wait x $S/m true 2>&1 | head -n 1
> zeroipc: lock: --wait is seconds or `forever`, not `x`
$ zeroipc rm $S
