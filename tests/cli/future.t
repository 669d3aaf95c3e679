# label: fast
# Futures: settled once, with a value or as failed, and waited for.

$ zeroipc create $S --size 1M
$ zeroipc create $S/f --kind future --type '{x: u32, y: f64}'
$ zeroipc create $S/g --kind future --type u64
$ zeroipc create $S/h --kind future 2>&1 | head -n 1
> zeroipc: create: --kind future needs --type
$ zeroipc create $S/h --kind future --type u8 --capacity 2 2>&1 | head -n 1
> zeroipc: create: --kind future takes no --capacity
$ zeroipc ls $S
> STRUCTURE  KIND    ELEMENTS  CAPACITY  MEMORY  TYPE
> f          future         0         1    2.8K  {x:u32, y:f64}
> g          future         0         1    2.8K  u64
$ zeroipc stat $S/f | grep -E '^(state|deaths|elements|asleep)'
> elements     0 of at most 1
> state        pending
> deaths       0
> asleep       none
$ zeroipc stat --json $S/f | jq -c '[.kind, .state, .deaths, .promiser]'
> ["future","pending",0,null]

# What is not there yet.
$ zeroipc cat $S/f
$ zeroipc cat --json $S/f
> []
$ zeroipc wait --wait 0 $S/f
! zeroipc: wait: zt-0000000-t/f: it was not settled in time
? 3
$ zeroipc wait --wait 0.01 $S/f
! zeroipc: wait: zt-0000000-t/f: it was not settled in time
? 3
$ zeroipc wait $S/f true
! zeroipc: wait: zt-0000000-t/f is a future: only a semaphore's permit is held while a command runs
? 1

# A value, once.
$ zeroipc set $S/f '{x: "no"}'
!~ zeroipc: set: .*
? 1
$ (sleep 0.05; zeroipc set $S/f '{x: 7, y: 0.5}') & zeroipc wait $S/f; wait
> {"x": 7, "y": 0.5}
$ zeroipc set $S/f '{x: 8, y: 0.5}'
! zeroipc: set: zt-0000000-t/f: future `f` in segment `/zt-0000000-t` is settled, which it is once
? 1
$ zeroipc cat $S/f
> {"x": 7, "y": 0.5}
$ zeroipc cat --json "$S/f"
> [
>   {"x": 7, "y": 0.5}
> ]
$ zeroipc wait --wait 0 $S/f
> {"x": 7, "y": 0.5}
$ zeroipc stat $S/f | grep -E '^(state|elements)'
> elements     1 of at most 1
> state        set

# A failure.
$ zeroipc fail $S/g
!~ zeroipc: fail: name one future or lazy, one code and one message
! usage: zeroipc fail SEGMENT/FUTURE CODE [MESSAGE]
!        zeroipc fail SEGMENT/LAZY CODE [MESSAGE]
? 2
$ zeroipc fail $S/g 4294967296 2>&1 | head -n 1
> zeroipc: fail: `4294967296` is no code: it is a number of 32 bits
$ zeroipc fail $S/g -5 'the disk is gone'
$ zeroipc stat $S/g | grep -E '^(state|code|message|settled)'
> state        failed
> code         -5
> message      the disk is gone
>~ settled by   [0-9]+ \(.*zeroipc\), dead
$ zeroipc stat --json $S/g | jq -c '[.state, .code, .message, .settler.alive]'
> ["failed",-5,"the disk is gone",false]
$ zeroipc fail $S/g 1
! zeroipc: fail: zt-0000000-t/g: future `g` in segment `/zt-0000000-t` is settled, which it is once
? 1
$ zeroipc cat $S/g
! zeroipc: cat: zt-0000000-t/g has failed with code -5: the disk is gone
? 1
$ zeroipc wait $S/g
! zeroipc: wait: zt-0000000-t/g: future `g` in segment `/zt-0000000-t` has failed with code -5: the disk is gone
? 1

# Others are none.
$ zeroipc create $S/a --kind array --type u8 --capacity 2
$ zeroipc set $S/a 5 2>&1 | head -n 1
>~ zeroipc: set: `zt-0000000-t/a` is no .*
$ zeroipc fail $S/a 5
!~ zeroipc: fail: zt-0000000-t/a: `a` .* is of kind array .*, not lazy.*
? 1
$ zeroipc set $S/none 5
! zeroipc: set: zt-0000000-t/none: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
