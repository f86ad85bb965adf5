import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Both topics of a partition meet in one task, so that join and sums are maps on the heap and nothing is repartitioned or logged.
 * One aggregate for each partition, group and window; whoever reads them adds them up.
 */
final class Governor extends ContextualProcessor<String, byte[], String, byte[]> {
  private static final long WINDOW_MS = 5_000, HORIZON_MS = 60_000;

  /** Over all tasks: wall time of the first record, records read, tasks that have closed everything. */
  static final AtomicLong firstAtMs = new AtomicLong(), read = new AtomicLong();
  static final AtomicInteger closedTasks = new AtomicInteger();

  private record Waiting(Aggregate aggregate, long ts, double score, boolean accepted) {}

  private final String predictions;
  private final long total;
  private final HashMap<String, Waiting> waiting = new HashMap<>(1 << 16);
  private final ArrayDeque<Map.Entry<String, Long>> expiry = new ArrayDeque<>();
  private final HashMap<String, Integer> early = new HashMap<>();
  private final TreeMap<Long, HashMap<String, Aggregate>> windows = new TreeMap<>();
  private final Reading reading;
  private boolean closed;

  Governor(boolean avro, String predictions, long total) {
    this.reading = new Reading(avro);
    this.predictions = predictions;
    this.total = total;
  }

  @Override
  public void init(ProcessorContext<String, byte[]> context) {
    super.init(context);
    // The topics end here, which no stream does: the last windows are closed when all tasks together have read everything.
    context.schedule(Duration.ofMillis(50), PunctuationType.WALL_CLOCK_TIME, now -> {
      if (closed || read.get() < total) return;
      closeUpTo(Long.MAX_VALUE);
      closed = true;
      closedTasks.incrementAndGet();
    });
  }

  @Override
  public void process(Record<String, byte[]> record) {
    if (firstAtMs.get() == 0) firstAtMs.compareAndSet(0, System.currentTimeMillis());
    try {
      if (context().recordMetadata().get().topic().equals(predictions)) prediction(record);
      else outcome(record);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
    closeUpTo(context().currentStreamTimeMs() - HORIZON_MS);
    read.incrementAndGet();
  }

  private void prediction(Record<String, byte[]> record) throws IOException {
    reading.prediction(record.value());
    long ts = record.timestamp();
    var aggregate = windows
        .computeIfAbsent(ts - ts % WINDOW_MS, start -> new HashMap<>())
        .computeIfAbsent(reading.model + "|" + reading.version + "|" + reading.segment, group -> new Aggregate());
    aggregate.prediction(reading);
    join(record.key(), new Waiting(aggregate, ts, reading.score, reading.decision.equals("accept")));
  }

  private void join(String id, Waiting prediction) {
    Integer label = early.remove(id);
    if (label != null) {
      prediction.aggregate.outcome(prediction.score, prediction.accepted, label);
      return;
    }
    waiting.put(id, prediction);
    expiry.add(Map.entry(id, prediction.ts));
  }

  private void outcome(Record<String, byte[]> record) throws IOException {
    reading.outcome(record.value());
    Waiting prediction = waiting.remove(record.key());
    if (prediction == null) early.put(record.key(), reading.label);
    else prediction.aggregate.outcome(prediction.score, prediction.accepted, reading.label);
  }

  private void closeUpTo(long ts) {
    while (!expiry.isEmpty() && expiry.peek().getValue() < ts) waiting.remove(expiry.poll().getKey());
    while (!windows.isEmpty() && windows.firstKey() + WINDOW_MS <= ts) {
      var window = windows.pollFirstEntry();
      for (var group : window.getValue().entrySet()) {
        byte[] result = group.getValue().toJson(group.getKey(), window.getKey());
        context().forward(new Record<>(group.getKey(), result, context().currentStreamTimeMs()));
      }
    }
  }
}
