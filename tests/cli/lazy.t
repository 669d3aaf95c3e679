# label: fast
# Lazies: computed when they are forced, and kept until they are reset.

$ zeroipc create $S --size 1M
$ zeroipc create $S/samples --kind array --type f64 --capacity 2
$ zeroipc set $S/samples[0] 20
$ zeroipc create $S/f --kind lazy --expression 'mean(samples) * 9/5 + 32'
$ zeroipc create $S/e --kind lazy --type i64 --retries --stall 0.5
$ zeroipc create $S/both --kind lazy --type '{n: i32, warm: bool}' --expression '{warm: f > 50, n: e * 2}'
$ zeroipc create $S/h --kind lazy
! zeroipc: create: zt-0000000-t/h: external lazy `h` needs a type
? 1
$ zeroipc create $S/h --kind lazy --expression 'samples[2]'
! zeroipc: create: zt-0000000-t/h: expression, column 8: there is no such element in array `samples`
? 1
$ zeroipc create $S/h --kind lazy --type u8 --stall 0 2>&1 | head -n 1
> zeroipc: create: --stall is seconds, more than 0, or `forever`, not `0`
$ zeroipc create $S/h --kind lazy --capacity 2 --type u8 2>&1 | head -n 1
> zeroipc: create: --kind lazy takes no --capacity
$ zeroipc ls $S | tail -n 3
>~ f +lazy +0 +1 +[0-9.]+K  f64
>~ e +lazy +0 +1 +[0-9.]+K  i64
>~ both +lazy +0 +1 +[0-9.]+K  \{n:i32, warm:bool\}
$ zeroipc stat $S/f | grep -E '^(expression|state|failures|stall|computed|elements)'
> elements     0 of at most 1
> expression   mean(samples) * 9/5 + 32
> state        idle
> failures     stay
> stall        1.000 s
> computed     0
> stalls       0
$ zeroipc stat --json $S/e | jq -c '[.kind, .state, .external, .expression, .retries, .stall_ns]'
> ["lazy","idle",true,null,true,500000000]

# Computed once, until it is reset.
$ zeroipc cat $S/f
$ zeroipc wait --wait 0 $S/f
! zeroipc: wait: zt-0000000-t/f: nobody has computed it in time
? 3
$ zeroipc force $S/f
> 50
$ zeroipc set $S/samples[1] 20
$ zeroipc force $S/f
> 50
$ zeroipc cat $S/f
> 50
$ zeroipc reset $S/f
$ zeroipc wait $S/f & zeroipc force $S/f > /dev/null; wait
> 68
$ zeroipc stat $S/f | grep -E '^(state|computed +[0-9]+$|resets)'
> state        done
> computed     2
> resets       1

# One that is served, and what needs it.
$ zeroipc force --wait 0 $S/both
! zeroipc: force: zt-0000000-t/both: it was not computed in time
? 3
$ zeroipc stat $S/e | grep '^state'
> state        wanted
$ zeroipc set $S/e '"no"'
!~ zeroipc: set: .*
? 1
$ (sleep 0.05; zeroipc set $S/e 4) & zeroipc force $S/both; wait
> {"n": 8, "warm": true}
$ zeroipc set $S/e 5 2>&1
> zeroipc: set: zt-0000000-t/e: the lazy is not wanted
? 1

# Failures, which stay or are retried.
$ zeroipc reset $S/e
$ zeroipc fail $S/e 5 'the disk is gone'
$ zeroipc cat $S/e
! zeroipc: cat: zt-0000000-t/e has failed with code 5: the disk is gone
? 1
$ zeroipc set $S/e 7
$ zeroipc reset $S/both
$ zeroipc force $S/both
> {"n": 14, "warm": true}
$ zeroipc create $S/zero --kind lazy --expression '1 // (e - 7)'
$ zeroipc force $S/zero
!~ zeroipc: force: .*/zero: lazy `zero` in segment `/.*` has failed with code -33: .*zero, at column 3 of .*
? 1
$ zeroipc force $S/zero 2>/dev/null
? 1
$ zeroipc stat --json $S/zero | jq -c '[.state, .code, .computed]'
> ["failed",-33,1]

# A circle.
$ zeroipc create $S/a --kind lazy --type i64 --expression 'b + 1'
$ zeroipc create $S/b --kind lazy --expression 'a + 1'
$ zeroipc force $S/a
!~ zeroipc: force: .*/a: lazy `a` in segment `/.*` needs itself: a -> b -> a
? 1

# Others are none.
$ zeroipc force $S/samples
!~ zeroipc: force: .*/samples: `samples` .* is of kind array .*, not lazy.*
? 1
$ zeroipc reset $S
!~ zeroipc: reset: .*
!~ usage: zeroipc reset SEGMENT/LAZY
? 2
$ zeroipc force $S/none
! zeroipc: force: zt-0000000-t/none: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
