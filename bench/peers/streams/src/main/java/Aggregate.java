import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Sums and histograms of one group and window: 64 latency, 20 score, 8 x 20 feature and 12 category cells. */
final class Aggregate {
  static final int FEATURES = 8;
  private static final double[][] RANGES = {{-4, 4}, {-4, 4}, {-4, 4}, {-4, 4}, {0, 6}, {0, 6}, {0, 100}, {0, 20}};
  private static final int SCORE = 64, FIRST_FEATURE = 84, C1 = 244, CELLS = 256;
  private static final JsonFactory JSON = new JsonFactory();

  private long count, errors, joined, correct;
  private double brier, residual;
  private final int[] cells = new int[CELLS];

  /** Values lie a rounding error below the edge they belong to. */
  private static int bin(double position, int bins) {
    double whole = Math.floor(position + 1e-9);
    return whole < 0 ? 0 : whole >= bins ? bins - 1 : (int) whole;
  }

  void prediction(Reading reading) {
    count++;
    if (reading.error) errors++;
    cells[bin(Math.log(reading.latencyMs / 0.25) * 5.770780163555854, 64)]++;
    cells[SCORE + bin(reading.score * 20, 20)]++;
    for (int index = 0; index < FEATURES; index++) {
      double value = reading.features[index], low = RANGES[index][0], high = RANGES[index][1];
      if (!Double.isNaN(value)) cells[FIRST_FEATURE + index * 20 + bin((value - low) / (high - low) * 20, 20)]++;
    }
    // Such as "cat07".
    String category = reading.category;
    if (category != null) cells[C1 + (category.charAt(3) - '0') * 10 + category.charAt(4) - '0']++;
  }

  void outcome(double score, boolean accepted, int label) {
    double difference = label - score;
    joined++;
    brier += difference * difference;
    residual += difference;
    if (accepted == (label == 1)) correct++;
  }

  byte[] toJson(String group, long windowStart) {
    String[] names = group.split("\\|");
    try (var out = new ByteArrayOutputStream(2048); JsonGenerator json = JSON.createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("model", names[0]);
      json.writeStringField("version", names[1]);
      json.writeStringField("segment", names[2]);
      json.writeNumberField("windowStart", windowStart);
      json.writeNumberField("count", count);
      json.writeNumberField("errors", errors);
      json.writeNumberField("joined", joined);
      json.writeNumberField("correct", correct);
      json.writeNumberField("brier", brier);
      json.writeNumberField("residual", residual);
      array(json, "latency", 0, 64);
      array(json, "score", SCORE, 20);
      json.writeArrayFieldStart("features");
      for (int index = 0; index < FEATURES; index++) json.writeArray(cells, FIRST_FEATURE + index * 20, 20);
      json.writeEndArray();
      array(json, "c1", C1, 12);
      json.writeEndObject();
      json.flush();
      return out.toByteArray();
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private void array(JsonGenerator json, String name, int from, int length) throws IOException {
    json.writeFieldName(name);
    json.writeArray(cells, from, length);
  }
}
