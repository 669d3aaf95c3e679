# label: fast
# Streams that operators compute: derived, driven by hand, looked into, ended.

$ zeroipc create $S --size 2M
$ zeroipc create $S/cpu --kind stream --type '{id:u32, busy:f64}' --capacity 64
$ zeroipc derive --by-hand $S hot 'filter(x.busy > 0.5) | map({id: x.id, percent: x.busy * 100})' cpu
$ zeroipc emit $S/cpu '{"id": 1, "busy": 0.25}' '{"id": 2, "busy": 0.75}' '{"id": 3, "busy": 1}'
$ zeroipc cat $S/hot
$ zeroipc drive --wait 0 $S/hot
$ zeroipc cat $S/hot
> {"id": 2, "percent": 75}
> {"id": 3, "percent": 100}
$ zeroipc drive --wait 0 $S/hot
! zeroipc: drive: zt-0000000-t/hot has nothing to do: its sources have no new elements, or a named subscription has yet to read
? 3
$ zeroipc stat $S/hot | sed -n '/derived by/,$p'
> derived by   filter(x.busy > 0.5) | map({id: x.id, percent: x.busy * 100})
> from         cpu, 0 behind
> results      2 in 1 batches
> driven by    who wants to
> emitted      2 ever
> when full    producers wait for named subscriptions
> times        none
> producers    0 of at most 4
> subscribers  0 of at most 16 named ones
> 
> OPERATOR                                IN  OUT  FAILED
> filter(x.busy > 0.5)                     3    2       0
> map({id: x.id, percent: x.busy * 100})   2    2       0
$ zeroipc stat $S/cpu | tail -n 1
> hot             -  derived     4    0     0
$ zeroipc stat --json $S/hot | jq -c '.derivation | [.results, .stages[0].in, .sources[0].lag, .by_daemon]'
> [2,3,0,false]
$ zeroipc emit $S/hot '{"id": 9, "percent": 1}' 2>&1 | head -n 1 | cut -c 1-14
> zeroipc: emit:

# An end; and one that makes its elements itself, as they are read.
$ zeroipc derive --by-hand --oldest $S two 'take(2) | map(x.id)' cpu
$ zeroipc drive $S/two
$ zeroipc follow --oldest $S/two
> 1
> 2
$ zeroipc derive --by-hand $S squares 'range(1) | map(x * x)'
$ zeroipc follow --oldest -n 4 $S/squares
> 1
> 4
> 9
> 16

# What cannot be is refused, with its place in the text.
$ zeroipc derive $S bad 'filter(x.warm)' cpu 2>&1 | grep -o 'column [0-9]*'
> column 9
$ zeroipc derive $S bad 'filter(true)' nothing 2>&1 | cut -c 1-40
> zeroipc: derive: zt-0000000-t/nothing: n
$ zeroipc derive $S hot 'map(x)' cpu
! zeroipc: derive: zt-0000000-t/hot: `hot` exists in segment `/zt-0000000-t`: open it
? 1
$ zeroipc derive --policy odd $S bad 'map(x)' cpu 2>&1 | head -n 1
> zeroipc: derive: --policy is block, drop-new, drop-old or error, not `odd`
$ zeroipc derive --batch 0 $S bad 'map(x)' cpu 2>&1 | head -n 1
> zeroipc: derive: `0` is no number of at least 1
$ zeroipc derive $S bad 2>&1 | head -n 1
> zeroipc: derive: what is needed is SEGMENT NAME OPERATORS [STREAM]; quote the operators
$ zeroipc drive $S/cpu 2>&1 | cut -c 1-36
> zeroipc: drive: zt-0000000-t/cpu: st
