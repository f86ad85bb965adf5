#!/usr/bin/env python3
"""A gateway from docs/control-topic.md alone: a unit per line on stdin, its version on stdout. pip install confluent-kafka fastavro"""
import argparse, hashlib, io, json, sys, threading, time
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from fastavro import parse_schema, schemaless_reader, schemaless_writer

options = argparse.ArgumentParser()
for flag in "brokers=127.0.0.1:9092 prefix=flyball. model=fraud control=v1 gateway=python-1 schemas=schemas dimensions=".split():
    options.add_argument("--" + flag.split("=")[0], default=flag.split("=")[1])
args = options.parse_args()
command_schema, ack_schema = (parse_schema(json.load(open(f"{args.schemas}/{name}.avsc"))) for name in ("control", "acks"))
held, lease_until, routed, since_ms, lock = None, 0.0, {}, int(time.time() * 1000), threading.Lock()
order = lambda command: (command["epoch"], command["sequence"]) if command else (0, 0)
lease_expired = lambda: bool(held) and held["kind"] != "rollback" and time.monotonic() >= lease_until

def route(unit, attributes={}):
    control, candidate, weights = (held["control"], held["candidate"], held["weights"]) if held else (args.control, args.control, {})
    lies_in = lambda segment: attributes.get(segment.partition("=")[0]) == segment.partition("=")[2]
    weights = next((apart["weights"] for apart in (held["segments"] if held else []) if lies_in(apart["segment"])), weights)
    if lease_expired() and held["onSilence"] == "baseline": weights = {}
    digest = hashlib.sha256(f"{args.model}\n{candidate}\n{unit}".encode()).digest()
    point, low, version = int.from_bytes(digest[:6], "big") / 2**48 * 100, 100, control
    for other in sorted(set(weights) - {control, candidate}):
        version, low = other if low - weights[other] <= point < low else version, low - weights[other]
    if point < weights.get(candidate, 0): version = candidate
    routed[version] = routed.get(version, 0) + 1
    return version

def answer(kind, command):
    body, now_ms, (epoch, sequence) = io.BytesIO(), int(time.time() * 1000), order(held)
    schemaless_writer(body, ack_schema, dict(model=args.model, gateway=args.gateway, kind=kind, commandId=command["id"] if command else "",
        epoch=epoch, sequence=sequence, atMs=now_ms, leaseExpired=lease_expired(), routed=routed, countersSinceMs=since_ms,
        features=["segments:" + name for name in args.dimensions.split(",") if name]))
    producer.produce(args.prefix + "acks", key=args.model, value=body.getvalue(), headers={"schema": "2"})

def receive(command, age_s):
    global held, lease_until
    fresh, lease_s = order(command) > order(held), command["leaseMs"] / 1000
    apart = lambda c: {each["segment"]: each["weights"] for each in c["segments"]}
    raises = lambda: any(apart(command).get(name, command["weights"]).get(command["candidate"], 0) >
        apart(held).get(name, held["weights"]).get(command["candidate"], 0) for name in {"", *apart(command), *apart(held)})
    if order(command) < order(held): return answer("stale", command)
    if fresh and held and age_s >= lease_s and raises(): return  # too late to raise the candidate
    held, lease_until = command, max(0 if fresh else lease_until, time.monotonic() + max(0, lease_s - age_s))
    if fresh: answer("applied", command)

def serve():
    for line in sys.stdin:
        unit, *attributes = line.rstrip("\n").split("\t")  # a unit, and behind tabs dimension=value
        with lock: print(route(unit, dict(each.split("=", 1) for each in attributes)), flush=True)
producer = Producer({"bootstrap.servers": args.brokers, "acks": "all", "partitioner": "murmur2"})
consumer = Consumer({"bootstrap.servers": args.brokers, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
    "enable.partition.eof": True, "enable.auto.commit": False, "group.id": "unused"})
behind, backlog, presence_at = set(consumer.list_topics(args.prefix + "control", 10).topics[args.prefix + "control"].partitions), [], 0.0
consumer.assign([TopicPartition(args.prefix + "control", partition, 0) for partition in behind])
while producer.poll(0) is not None:
    message = consumer.poll(0.2)
    with lock:
        if message and not message.error() and message.value() and message.key() == args.model.encode():
            command = schemaless_reader(io.BytesIO(message.value()), command_schema)
            if behind: backlog.append((command, max(0, time.time() - message.timestamp()[1] / 1000)))
            else: receive(command, 0)
        if behind and message and message.error() and message.error().code() == KafkaError._PARTITION_EOF:
            behind.discard(message.partition())
            if not behind and backlog: receive(*max(reversed(backlog), key=lambda entry: order(entry[0])))
            if not behind: threading.Thread(target=serve, daemon=True).start()
        if not behind and time.monotonic() >= presence_at: presence_at = answer("presence", held) or time.monotonic() + 3
