import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads topics and alters them with Kafka's own Java client: what is checked at the end of a chaos run was read by nobody's code of ours.
 *
 *   dump FILE TOPIC[/PARTITION],...   every committed record as a line of JSON; then one line with the bounds of each partition
 *   delete TOPIC PARTITION UPTO       DeleteRecords: the log begins at UPTO
 *   lead TOPIC BROKER STEP            its first partition gets this one of its replicas for its leader, each further one that so many behind
 *   config TOPIC KEY [VALUE]          sets one entry of a topic's configuration, or takes it back
 *
 * One line of answer for each line on stdin: "ok ..." or "error ...".
 */
public class BrokerHand {
  static String bootstrap;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    try (Admin admin = Admin.create(common())) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.trim().split(" ");
        try {
          System.out.println("ok " + obey(admin, words));
        } catch (Throwable problem) {
          System.out.println("error " + String.valueOf(problem).replace('\n', ' '));
        }
        System.out.flush();
      }
    }
  }

  static Map<String, Object> common() {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("request.timeout.ms", 10000);
    config.put("default.api.timeout.ms", 30000);
    return config;
  }

  static String obey(Admin admin, String[] words) throws Exception {
    switch (words[0]) {
      case "dump":
        return "" + dump(admin, Path.of(words[1]), words[2].split(","));
      case "delete": {
        TopicPartition place = new TopicPartition(words[1], Integer.parseInt(words[2]));
        DeleteRecordsResult result = admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(Long.parseLong(words[3]))));
        return "" + result.lowWatermarks().get(place).get().lowWatermark();
      }
      case "lead":
        return "" + lead(admin, words[1], Integer.parseInt(words[2]), Integer.parseInt(words[3]));
      case "config": {
        AlterConfigOp.OpType kind = words.length > 3 ? AlterConfigOp.OpType.SET : AlterConfigOp.OpType.DELETE;
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry(words[2], words.length > 3 ? words[3] : ""), kind);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, words[1]), List.of(op))).all().get();
        return words[2];
      }
      default:
        throw new IllegalArgumentException("unknown: " + words[0]);
    }
  }

  static int lead(Admin admin, String topic, int broker, int step) throws Exception {
    Map<TopicPartition, Optional<NewPartitionReassignment>> orders = new HashMap<>();
    for (TopicPartitionInfo info : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
      List<Integer> order = new ArrayList<>(info.replicas().stream().map(node -> node.id()).sorted().toList());
      Collections.rotate(order, -(broker - 1 + step * info.partition()));
      orders.put(new TopicPartition(topic, info.partition()), Optional.of(new NewPartitionReassignment(order)));
    }
    admin.alterPartitionReassignments(orders).all().get();
    while (!admin.listPartitionReassignments(orders.keySet()).reassignments().get().isEmpty()) Thread.sleep(50);
    // Which of them had it for a leader already is answered as an error.
    admin.electLeaders(ElectionType.PREFERRED, orders.keySet()).partitions().get();
    return orders.size();
  }

  static long dump(Admin admin, Path file, String[] wanted) throws Exception {
    List<TopicPartition> places = new ArrayList<>();
    for (String each : wanted) {
      int slash = each.indexOf('/');
      String topic = slash < 0 ? each : each.substring(0, slash);
      int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
      for (int partition = 0; partition < count; partition++) {
        if (slash < 0 || Integer.parseInt(each.substring(slash + 1)) == partition) places.add(new TopicPartition(topic, partition));
      }
    }
    Map<String, Object> config = common();
    config.put("isolation.level", "read_committed");
    config.put("enable.auto.commit", false);
    config.put("auto.offset.reset", "earliest");
    config.put("max.poll.records", 5000);
    long count = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        BufferedWriter out = Files.newBufferedWriter(file)) {
      consumer.assign(places);
      Map<TopicPartition, Long> starts = consumer.beginningOffsets(places);
      Map<TopicPartition, Long> ends = consumer.endOffsets(places);
      consumer.seekToBeginning(places);
      long quietSince = System.nanoTime();
      while (!passed(consumer, ends)) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        for (ConsumerRecord<byte[], byte[]> record : records) {
          if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
            out.write(line(record));
            count++;
          }
        }
        if (!records.isEmpty()) quietSince = System.nanoTime();
        if (System.nanoTime() - quietSince > 60_000_000_000L) throw new IllegalStateException("no end of " + ends);
      }
      for (TopicPartition place : places) {
        out.write("{\"topic\":" + quoted(place.topic()) + ",\"partition\":" + place.partition() + ",\"start\":" + starts.get(place) + ",\"end\":" + ends.get(place) + "}\n");
      }
    }
    return count;
  }

  static boolean passed(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (consumer.position(end.getKey()) < end.getValue()) return false;
    }
    return true;
  }

  static String line(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder text = new StringBuilder("{\"topic\":").append(quoted(record.topic())).append(",\"partition\":").append(record.partition());
    text.append(",\"offset\":").append(record.offset()).append(",\"timestampMs\":").append(record.timestamp());
    text.append(",\"key\":").append(bytes(record.key())).append(",\"value\":").append(bytes(record.value())).append(",\"headers\":[");
    String comma = "";
    for (Header header : record.headers()) {
      text.append(comma).append('[').append(quoted(header.key())).append(',').append(bytes(header.value())).append(']');
      comma = ",";
    }
    return text.append("]}\n").toString();
  }

  static String bytes(byte[] value) {
    return value == null ? "null" : "\"" + Base64.getEncoder().encodeToString(value) + "\"";
  }

  static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }
}
