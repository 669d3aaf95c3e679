# label: fast
# A ring: written, looked into and followed.

$ zeroipc create $S --size 1M
$ zeroipc create $S/log --kind ring --size 256
$ zeroipc write $S/log hello 'a  b' ''
$ printf 'x\001y\n-\n' | zeroipc write $S/log -
$ zeroipc cat $S/log
> hello
> a  b
> 
> \x780179
> -
$ zeroipc cat "$S/log[-2]"; zeroipc cat "$S/log[1:2]"
> \x780179
> a  b
$ zeroipc cat --json "$S/log[3:]"
> [
>   {
>     "number": 4,
>     "hex": "780179"
>   },
>   {
>     "number": 5,
>     "text": "-"
>   }
> ]
$ zeroipc cat "$S/log[5]"
! zeroipc: cat: zt-0000000-t/log has 5 elements: there is no [5]
? 1
$ zeroipc ls $S
> STRUCTURE  KIND  ELEMENTS  CAPACITY  MEMORY  TYPE
> log        ring        72       256    1.6K  u8
$ zeroipc stat $S/log | tail -n 3
> records      5, of 5 ever written
> when full    the oldest are overwritten
> writer       none

# Followed from the oldest, from a number on, and to no end.
$ zeroipc follow --oldest -n 2 $S/log
> hello
> a  b
$ zeroipc follow --oldest --wait 0 $S/log | tail -n 1
> -
$ zeroipc follow --json --oldest -n 1 $S/log
> {
>   "number": 1,
>   "text": "hello"
> }
$ zeroipc follow --wait 0.01 $S/log
! zeroipc: follow: zt-0000000-t/log has no new record
? 3
$ zeroipc follow -n 1 $S/log >out & while kill -0 $! 2>/dev/null; do zeroipc write $S/log late; done; wait; cat out
> late

# What is overwritten is gone; what is too long is refused.
$ seq 100 | zeroipc write $S/log
$ zeroipc cat "$S/log[-2:]"
> 99
> 100
$ zeroipc write $S/log "$(printf '%0121d' 0)"
! zeroipc: write: zt-0000000-t/log: a record of 121 bytes: ring `log` takes at most 120, just less than half its size
? 1

# With back-pressure and nobody who reads, as without.
$ zeroipc create $S/kept --kind ring --size 64 --back-pressure --max-readers 2
$ zeroipc write $S/kept one two three four five six
$ zeroipc stat $S/kept | tail -n 2
> when full    the writer waits for readers
> writer       none

# The wrong words.
$ zeroipc create $S/r --kind ring 2>&1 | head -n 1
> zeroipc: create: --kind ring needs --size
$ zeroipc create $S/r --kind ring --size 1K --type u8 2>&1 | head -n 1
> zeroipc: create: --kind ring takes no --type
$ zeroipc create $S/r --kind queue --type u8 --capacity 1 --back-pressure 2>&1 | head -n 1
> zeroipc: create: --kind queue takes no --back-pressure
$ zeroipc create $S --back-pressure --size 1M 2>&1 | head -n 1
> zeroipc: create: --back-pressure is for a structure: name it, as zt-0000000-t/STRUCTURE
$ zeroipc push $S/log 1
! zeroipc: push: zt-0000000-t/log: `log` in segment `/zt-0000000-t` is of kind ring (7), not queue: open it as what it is
? 1
$ zeroipc write $S/none x
! zeroipc: write: zt-0000000-t/none: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
$ zeroipc write
! zeroipc: write: name a ring, as SEGMENT/RING
! usage: zeroipc write [--wait SECONDS|forever] SEGMENT/RING [TEXT]...
? 2
