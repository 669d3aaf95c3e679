# label: fast
# Segments and structures are made, and what is wrong is told.

$ zeroipc create $S --size 64K --mode 0640
$ stat -c '%a %s' /dev/shm/$S
> 640 65536
$ zeroipc create /$S --size 64K
! zeroipc: create: zt-0000000-t: segment `/zt-0000000-t` exists: open it, or remove it first
? 1
$ zeroipc create $S/cells --kind array --type '{ts:u64, temp:f32, id:u32}' --capacity 5
$ zeroipc create $S/jobs --kind queue --type i32 --capacity 3 --max-writers 2
$ zeroipc ls $S
> STRUCTURE  KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
> cells      array         5         5     320  {ts:u64, temp:f32, id:u32}
> jobs       queue         0         3     704  i32
$ zeroipc create $S/cells --kind array --type u8 --capacity 5
!~ zeroipc: create: zt-0000000-t/cells: `cells` exists in segment .*
? 1
$ zeroipc create $S/big --kind array --type u64 --capacity 1000000
!~ zeroipc: create: zt-0000000-t/big: .*
? 1
$ zeroipc create $S/odd --kind array --type 'u9' --capacity 5
!~ zeroipc: create: zt-0000000-t/odd: type: column 1: unknown type `u9`.*
? 1
$ zeroipc create $S-none/a --kind array --type u8 --capacity 5
! zeroipc: create: zt-0000000-t-none: no such segment; `zeroipc ls` lists what there is
? 1

# Sizes: units of 1024, in all their spellings.
$ for s in 131072 128K 128k 128KB 128KiB 0.125M; do zeroipc create $S-size --size $s && stat -c %s /dev/shm/$S-size; zeroipc rm $S-size; done
> 131072
> 131072
> 131072
> 131072
> 131072
> 131072
$ zeroipc create $S-sparse --size 4G --sparse --max-entries 1000 --max-participants 10
$ zeroipc stat --json $S-sparse | jq -c '[.size_bytes, .max_entries, .max_participants]'
> [4294967296,1000,10]
$ zeroipc create $S-bad --size 10X
! zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `10X`
! usage: zeroipc create SEGMENT --size SIZE [--mode MODE]
!        zeroipc create SEGMENT/STRUCTURE --kind KIND [--type TYPE] [--capacity N]
!        zeroipc create SEGMENT/RING --kind ring --size SIZE
? 2
$ for s in -1 K 1KK 1.5.5M 99999999999999999999 20000000000G ''; do zeroipc create $S-bad --size "$s" 2>&1 | head -n 1; done
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `-1`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `K`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `1KK`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `1.5.5M`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `99999999999999999999`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not `20000000000G`
> zeroipc: create: --size is a size, as 65536, 64K, 10M or 1.5GiB, not ``
$ zeroipc create $S-bad --size 1K
!~ zeroipc: create: zt-0000000-t-bad: 1024 bytes are too few.*
? 1
$ zeroipc create $S-bad 2>&1 | head -n 1
> zeroipc: create: a segment needs --size, as --size 10M
$ zeroipc create $S-bad --size 1M --kind array 2>&1 | head -n 1
> zeroipc: create: --kind is for a structure: name it, as zt-0000000-t-bad/STRUCTURE
$ zeroipc create $S/a --size 1M 2>&1 | head -n 1
> zeroipc: create: a structure needs --kind, which is array, queue, stack, map, set, pool, ring, semaphore, barrier, latch, mutex, rwlock, once, event, channel, future, lazy or stream
$ zeroipc create $S/a --kind array --type u8 2>&1 | head -n 1
> zeroipc: create: --kind array needs --type and --capacity
$ zeroipc create $S/a --kind heap 2>&1 | head -n 1
> zeroipc: create: --kind is array, queue, stack, map, set, pool, ring, semaphore, barrier, latch, mutex, rwlock, once, event, channel, future, lazy or stream, not `heap`
$ zeroipc create $S/a --kind array --type u8 --capacity 3 --max-writers 2 2>&1 | head -n 1
> zeroipc: create: --kind array takes no --max-writers
$ zeroipc create $S-bad --size 1M --mode 888 2>&1 | head -n 1
> zeroipc: create: --mode is permissions in octal, as 0640, not `888`
