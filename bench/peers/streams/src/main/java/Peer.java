import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * The same join and sums with Kafka Streams' Processor API, one thread, tuned.
 * Arguments: json or avro, bootstrap list, topics of predictions, outcomes and results, total of records, folder for its state. Prints one line of JSON.
 */
public final class Peer {
  private static final int PARTITIONS = 4;
  private static final long LIMIT_MS = 600_000;

  public static void main(String[] args) throws Exception {
    boolean avro = args[0].equals("avro");
    String predictions = args[2], outcomes = args[3], results = args[4];
    long total = Long.parseLong(args[5]);
    var topology = new Topology();
    topology.addSource("predictions", new StringDeserializer(), new ByteArrayDeserializer(), predictions);
    topology.addSource("outcomes", new StringDeserializer(), new ByteArrayDeserializer(), outcomes);
    topology.addProcessor("governor", () -> new Governor(avro, predictions, total), "predictions", "outcomes");
    topology.addSink("results", results, new StringSerializer(), new ByteArraySerializer(), "governor");

    var streams = new KafkaStreams(topology, settings(args[1], args[6]));
    streams.setUncaughtExceptionHandler(failure -> {
      failure.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    long deadlineMs = System.currentTimeMillis() + LIMIT_MS;
    while (Governor.closedTasks.get() < PARTITIONS && streams.state() != KafkaStreams.State.ERROR) {
      if (System.currentTimeMillis() > deadlineMs) throw new IllegalStateException("not done in time");
      Thread.sleep(20);
    }
    streams.close(Duration.ofSeconds(20));
    if (Governor.closedTasks.get() < PARTITIONS) System.exit(1);
    System.out.printf("{\"firstAtMs\":%d,\"records\":%d}%n", Governor.firstAtMs.get(), Governor.read.get());
    reportUsage();
    System.exit(0);
  }

  private static Properties settings(String bootstrap, String folder) {
    var settings = new Properties();
    settings.put("application.id", "bench-streams-" + UUID.randomUUID());
    settings.put("bootstrap.servers", bootstrap);
    settings.put("num.stream.threads", 1);
    settings.put("auto.offset.reset", "earliest");
    settings.put("state.dir", folder);
    settings.put("replication.factor", 1);
    settings.put("max.poll.records", 5000);
    return settings;
  }

  /** CPU time of all threads since the process began, and its peak memory, in the units of Node's `resourceUsage()`. */
  private static void reportUsage() throws Exception {
    long micros = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1000;
    String peak = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmHWM")).findFirst().orElseThrow();
    String told = "{\"userCPUTime\":%d,\"systemCPUTime\":0,\"maxRSS\":%s}".formatted(micros, peak.replaceAll("\\D", ""));
    Files.writeString(Path.of(System.getenv("FLYBALL_BENCH_USAGE")), told);
  }
}
