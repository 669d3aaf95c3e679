# label: fast
# Who waits for whom.

$ zeroipc create $S --size 1M
$ zeroipc create $S/m --kind mutex
$ zeroipc why $S
> nobody waits
$ zeroipc why --json $S | jq -c .
> {"deadlocks":[],"blocked":[],"partial":false}
$ zeroipc why $S/m
!~ zeroipc: why: `m` is a structure: all of a segment is looked at
! usage: zeroipc why [--json] SEGMENT
? 2
$ zeroipc why $S-none
!~ zeroipc: why: zt-0000000-t-none: .*
? 1

# One runs a command under the mutex, and another waits to; that is no deadlock.
$ zeroipc lock $S/m sh -c 'z=$top_builddir/cli/zeroipc; $z lock $0/m true & until $z why $0 | grep -q "1 waits"; do :; done; $z why $0' $S; zeroipc why $S
>~ mutex `m` held by [0-9]+ \(.*zeroipc\) for [0-9]+\.[0-9] s; 1 waits: [0-9]+
> nobody waits

# One waits until what it sends through a channel without a buffer is received.
$ zeroipc create $S/c --kind channel --type u8
$ zeroipc send --wait 60 $S/c 7 & until zeroipc why $S | grep -q send; do :; done; zeroipc why $S; zeroipc receive $S/c; wait; zeroipc why $S
>~ 1 waits to send to channel `c`: [0-9]+
> 7
> nobody waits

# One holds all permits, and another waits for one.
$ zeroipc create $S/s --kind semaphore --capacity 1 --owned
$ zeroipc wait $S/s sh -c 'z=$top_builddir/cli/zeroipc; $z wait $0/s true & until $z why $0 | grep -q left; do :; done; $z why $0; $z why --json $0 | jq -c ".blocked[] | [.name, .unnamed, .permits, .waiters, .holders[].permits]"' $S
>~ semaphore `s` has 0 of 1 permits left, held by [0-9]+ \(.*zeroipc\) with 1; somebody may wait: there is no record of who
> ["s",true,1,[],1]
$ zeroipc rm $S
