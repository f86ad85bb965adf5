"""The same join and sums in Python: confluent-kafka and orjson, dicts for the join, one list for each open window and group.

The quickest realistic shape in plain Python: numpy pays for each call, so it only helps where whole columns are binned at once.
Arguments: bootstrap list, topics of predictions, outcomes and results, total of records. Prints one line of JSON.
"""

import json
import math
import os
import resource
import sys
import time
import uuid

import orjson
from confluent_kafka import Consumer, Producer

WINDOW_MS, HORIZON_MS = 5_000, 60_000
RANGES = [(-4, 8), (-4, 8), (-4, 8), (-4, 8), (0, 6), (0, 6), (0, 100), (0, 20)]  # low, width
COUNT, ERRORS, JOINED, CORRECT, BRIER, RESIDUAL, LATENCY, SCORE, FEATURES, C1, SIZE = 0, 1, 2, 3, 4, 5, 6, 70, 90, 250, 262
FIELDS = [(f"f{index + 1}", low, width, FEATURES + 20 * index) for index, (low, width) in enumerate(RANGES)]
CATEGORY = {f"cat{index:02d}": C1 + index for index in range(12)}
EDGE = 1e-9  # values lie a rounding error below the edge they belong to
SOURCES = 8
log = math.log


class Governor:
    def __init__(self, emit):
        self.emit = emit
        self.windows, self.waiting, self.early, self.clocks = {}, {}, {}, {}
        self.watermark = 0

    def prediction(self, event):
        ts = event["ts"]
        groups = self.windows.setdefault(ts - ts % WINDOW_MS, {})
        key = (event["model"], event["version"], event["segment"])
        sums = groups.get(key)
        if sums is None:
            sums = groups[key] = [0] * SIZE
        sums[COUNT] += 1
        if event["error"]:
            sums[ERRORS] += 1
        latency = event["latencyMs"]
        place = int(log(latency / 0.25) * 5.770780163555854 + EDGE) if latency > 0.25 else 0
        sums[LATENCY + (place if place < 64 else 63)] += 1
        score = event["score"]
        place = int(score * 20 + EDGE)
        sums[SCORE + (place if place < 20 else 19)] += 1
        features = event["features"]
        for name, low, width, base in FIELDS:
            value = features.get(name)
            if value is not None:
                place = int((value - low) / width * 20 + EDGE) if value > low else 0
                sums[base + (place if place < 20 else 19)] += 1
        category = features.get("c1")
        if category is not None:
            sums[CATEGORY[category]] += 1
        accepted = event["decision"] == "accept"
        early = self.early.pop(event["id"], None)
        if early is None:
            self.waiting[event["id"]] = (sums, ts, score, accepted)
        else:
            self.judge(sums, score, accepted, early[0])

    @staticmethod
    def judge(sums, score, accepted, label):
        residual = label - score
        sums[JOINED] += 1
        sums[BRIER] += residual * residual
        sums[RESIDUAL] += residual
        if accepted == (label == 1):
            sums[CORRECT] += 1

    def outcome(self, event):
        waiting = self.waiting.pop(event["id"], None)
        if waiting is None:
            self.early[event["id"]] = (event["label"], event["ts"])
        else:
            self.judge(waiting[0], waiting[2], waiting[3], event["label"])

    def advance(self, source, ts):
        self.clocks[source] = ts
        mark = min(self.clocks.values()) if len(self.clocks) == SOURCES else 0
        if mark <= self.watermark:
            return
        self.watermark = mark
        for kept in (self.waiting, self.early):
            stale = []
            for key, value in kept.items():  # order of insertion is close to order of time
                if value[1] + HORIZON_MS >= mark:
                    break
                stale.append(key)
            for key in stale:
                del kept[key]
        self.close(lambda start: start + WINDOW_MS + HORIZON_MS <= mark)

    def close(self, ready):
        for start in sorted(filter(ready, self.windows)):
            for (model, version, segment), sums in self.windows.pop(start).items():
                result = {"model": model, "version": version, "segment": segment, "windowStart": start}
                result |= {"count": sums[COUNT], "errors": sums[ERRORS], "joined": sums[JOINED], "correct": sums[CORRECT]}
                result |= {"brier": sums[BRIER], "residual": sums[RESIDUAL], "latency": sums[LATENCY:SCORE], "score": sums[SCORE:FEATURES]}
                result |= {"features": [sums[base : base + 20] for _, _, _, base in FIELDS], "c1": sums[C1:]}
                self.emit(f"{model}|{version}|{segment}", orjson.dumps(result))


def main():
    bootstrap, predictions, outcomes, results, total = sys.argv[1:]
    # Its own thread fetches; with the default queue and pause it stands still most of the time.
    queue = {"queued.min.messages": 1_000_000, "fetch.queue.backoff.ms": 5}
    group = {"group.id": f"bench-python-{uuid.uuid4()}", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": bootstrap, **group, **queue})
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    consumer.subscribe([predictions, outcomes])
    governor = Governor(lambda key, value: producer.produce(results, value, key))
    records, first_at_ms, loads = 0, 0, orjson.loads
    while records < int(total):
        batch = consumer.consume(5000, 0.1)
        if not batch:
            continue
        first_at_ms = first_at_ms or time.time_ns() // 1_000_000
        records += len(batch)
        last = {}
        for message in batch:
            topic = message.topic()
            if topic == predictions:
                governor.prediction(loads(message.value()))
            else:
                governor.outcome(loads(message.value()))
            last[(topic, message.partition())] = message
        for source, message in last.items():
            governor.advance(source, message.timestamp()[1])
        producer.poll(0)
    governor.close(lambda _: True)
    producer.flush()
    consumer.close()
    print(json.dumps({"firstAtMs": first_at_ms, "records": records}))


def report_usage():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    micros = lambda seconds: round(seconds * 1e6)
    told = {"userCPUTime": micros(usage.ru_utime), "systemCPUTime": micros(usage.ru_stime), "maxRSS": usage.ru_maxrss}
    with open(os.environ["FLYBALL_BENCH_USAGE"], "w") as file:
        json.dump(told, file)


main()
report_usage()
