# label: fast
# Maps and sets: put, get, delete, add and has.

$ zeroipc create $S --size 1M
$ zeroipc create $S/ages --kind map --key-type bytes:8 --type i32 --capacity 2
$ zeroipc put $S/ages '"ada"' 36
$ zeroipc put $S/ages '"bob"' -5
$ zeroipc put $S/ages '"ada"' 37
$ zeroipc get $S/ages '"ada"'; zeroipc get $S/ages '"bob"'
> 37
> -5
$ zeroipc get $S/ages '"eve"'
! zeroipc: get: zt-0000000-t/ages has no key "eve"
? 3
$ zeroipc put $S/ages '"eve"' 1
! zeroipc: put: zt-0000000-t/ages is full (2 keys)
? 3
$ zeroipc cat $S/ages | sort
> {"key": "ada", "value": 37}
> {"key": "bob", "value": -5}
$ zeroipc stat --json $S/ages | jq -c 'del(.offset_bytes, .size_bytes)'
> {"name":"ages","kind":"map","type":"{key:bytes:8, value:i32}","elem_size":12,"capacity":2,"size":2,"added":2,"removed":0,"readers_asleep":false,"writers_asleep":false,"late_wakes":0}
$ zeroipc delete $S/ages '"bob"'
$ zeroipc delete $S/ages '"bob"'
! zeroipc: delete: zt-0000000-t/ages has no key "bob"
? 3
$ zeroipc cat --json $S/ages
> [
>   {"key": "ada", "value": 37}
> ]
$ zeroipc put $S/ages ada 1
!~ zeroipc: put: key: .*
? 1
$ zeroipc put $S/ages '"ada"' 1.5
!~ zeroipc: put: value: .*
? 1

$ zeroipc create $S/seen --kind set --type i64 --capacity 2
$ zeroipc add $S/seen -7
$ zeroipc add $S/seen -7
! zeroipc: add: zt-0000000-t/seen has the key -7 already
? 3
$ zeroipc has $S/seen -7
$ zeroipc has $S/seen 7
! zeroipc: has: zt-0000000-t/seen has no key 7
? 3
$ zeroipc add $S/seen 8; zeroipc add $S/seen 9
! zeroipc: add: zt-0000000-t/seen is full (2 keys)
? 3
$ zeroipc cat $S/seen | sort
> -7
> 8
$ zeroipc delete $S/seen 8; zeroipc cat $S/seen
> -7
$ zeroipc ls $S | sed 's/ *[0-9.]*K  / /'
> STRUCTURE  KIND  ELEMENTS  CAPACITY  MEMORY  TYPE
> ages       map          1         2 {key:bytes:8, value:i32}
> seen       set          1         2 i64

# What does not fit what there is.
$ zeroipc get $S/seen 1
!~ zeroipc: get: zt-0000000-t/seen: .* is of kind set \(5\), not map: .*
? 1
$ zeroipc has $S/ages 1
!~ zeroipc: has: zt-0000000-t/ages: .* is of kind map \(4\), not set: .*
? 1
$ zeroipc add $S/none 1
!~ zeroipc: add: zt-0000000-t/none: no such structure; .*
? 1
$ zeroipc create $S/m --kind map --type u8 --capacity 1 2>&1 | head -n 1
> zeroipc: create: --kind map needs --key-type, --type and --capacity
$ zeroipc create $S/m --kind set --key-type u8 --type u8 --capacity 1 2>&1 | head -n 1
> zeroipc: create: --kind set takes no --key-type
$ zeroipc create $S/m --kind map --key-type '{a:u8, b:u32}' --type u8 --capacity 1
!~ zeroipc: create: zt-0000000-t/m: .* 3 bytes of padding lie between the fields `a` and `b`: .*
? 1
$ zeroipc put $S/ages 1 2>&1 | head -n 1
> zeroipc: put: name a map as SEGMENT/MAP, one key and one value
