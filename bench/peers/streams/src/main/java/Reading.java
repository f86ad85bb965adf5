import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** What a record says, read into the same object each time: from JSON with a streaming parser, or from Avro behind its five bytes of prefix. */
final class Reading {
  private static final JsonFactory JSON = new JsonFactory();
  private static final int PREFIX_BYTES = 5;

  String model, version, segment, decision, category;
  double score, latencyMs;
  boolean error;
  /** NaN: absent. */
  final double[] features = new double[Aggregate.FEATURES];
  int label;

  private final boolean avro;
  private byte[] bytes;
  private int at;

  Reading(boolean avro) {
    this.avro = avro;
  }

  void prediction(byte[] value) throws IOException {
    Arrays.fill(features, Double.NaN);
    category = null;
    if (avro) avroPrediction(value);
    else jsonPrediction(value);
  }

  void outcome(byte[] value) throws IOException {
    if (avro) avroOutcome(value);
    else jsonOutcome(value);
  }

  private void jsonPrediction(byte[] value) throws IOException {
    try (JsonParser json = JSON.createParser(value)) {
      for (JsonToken token; (token = json.nextToken()) != null; ) {
        if (token != JsonToken.FIELD_NAME) continue;
        String name = json.currentName();
        json.nextToken();
        switch (name) {
          case "model" -> model = json.getText();
          case "version" -> version = json.getText();
          case "segment" -> segment = json.getText();
          case "score" -> score = json.getDoubleValue();
          case "decision" -> decision = json.getText();
          case "latencyMs" -> latencyMs = json.getDoubleValue();
          case "error" -> error = json.getBooleanValue();
          case "c1" -> category = json.getText();
          case "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8" -> features[name.charAt(1) - '1'] = json.getDoubleValue();
          default -> { }
        }
      }
    }
  }

  private void jsonOutcome(byte[] value) throws IOException {
    label = -1;
    try (JsonParser json = JSON.createParser(value)) {
      while (json.nextToken() != null) {
        if (json.currentToken() == JsonToken.FIELD_NAME && json.currentName().equals("label")) label = json.nextIntValue(-1);
      }
    }
  }

  private void avroPrediction(byte[] value) {
    begin(value);
    skipText(); // id: the key says it
    number(); // ts: the record's time says it
    model = text();
    version = text();
    segment = text();
    skipText(); // unit
    score = real();
    decision = text();
    latencyMs = real();
    error = bytes[at++] == 1;
    for (int index = 0; index < features.length; index++) if (bytes[at++] != 0) features[index] = real();
    if (bytes[at++] != 0) category = text();
  }

  private void avroOutcome(byte[] value) {
    begin(value);
    skipText();
    number();
    label = (int) number();
  }

  private void begin(byte[] value) {
    bytes = value;
    at = PREFIX_BYTES;
  }

  private long number() {
    long zigzag = 0;
    for (int shift = 0; ; shift += 7) {
      byte part = bytes[at++];
      zigzag |= (long) (part & 127) << shift;
      if (part >= 0) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
  }

  private double real() {
    long bits = 0;
    for (int index = 7; index >= 0; index--) bits = bits << 8 | (bytes[at + index] & 255);
    at += 8;
    return Double.longBitsToDouble(bits);
  }

  private String text() {
    int length = (int) number();
    at += length;
    return new String(bytes, at - length, length, StandardCharsets.ISO_8859_1);
  }

  private void skipText() {
    int length = (int) number();
    at += length;
  }
}
