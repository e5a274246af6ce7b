import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;

import com.sun.management.OperatingSystemMXBean;

import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** Apache Kafka's own producer under the benchmark's contract. */
public final class Bench {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final Map<String, String> words = new HashMap<>();
    private final byte[] payload;
    private final int recordBytes;
    private final LongAdder acknowledged = new LongAdder();
    private final Latencies latencies = new Latencies();

    private Bench(String[] args) throws IOException {
        for (String word : args) {
            int equals = word.indexOf('=');
            words.put(word.substring(0, equals), word.substring(equals + 1));
        }
        payload = Files.readAllBytes(Path.of(words.get("payload")));
        recordBytes = (int) number("record-bytes");
    }

    public static void main(String[] args) throws Exception {
        new Bench(args).run();
    }

    private void run() throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = connect()) {
            send(producer, number("warmup"));
            latencies.reset();
            acknowledged.reset();
            long cpu = SYSTEM.getProcessCpuTime();
            long start = System.nanoTime();
            send(producer, number("records"));
            double seconds = (System.nanoTime() - start) / 1e9;
            double cpuSeconds = (SYSTEM.getProcessCpuTime() - cpu) / 1e9;
            // The JVM tells the sum of user and system time alone.
            System.out.printf(Locale.ROOT,
                "{\"version\":\"%s\",\"acknowledged\":%d,\"seconds\":%f,\"cpu_user_s\":%f,"
                    + "\"cpu_system_s\":0,\"peak_memory_bytes\":%d,\"latency_us\":%s}%n",
                AppInfoParser.getVersion(), acknowledged.sum(), seconds, cpuSeconds, peakMemory(),
                latencies.toJson());
        }
    }

    private KafkaProducer<byte[], byte[]> connect() {
        Properties config = new Properties();
        config.put("bootstrap.servers", words.get("bootstrap"));
        config.put("acks", "all");
        config.put("enable.idempotence", "true");
        config.put("linger.ms", words.get("linger-ms"));
        config.put("batch.size", words.get("batch-bytes"));
        config.put("buffer.memory", words.get("buffer-bytes"));
        config.put("compression.type", words.get("compression"));
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Sends so many from all threads and waits until they are acknowledged. */
    private void send(KafkaProducer<byte[], byte[]> producer, long records) throws Exception {
        int threads = (int) number("threads");
        Thread[] lanes = new Thread[threads];
        for (int lane = 0; lane < threads; lane++) {
            long share = records / threads + (lane < records % threads ? 1 : 0);
            lanes[lane] = new Thread(() -> lane(producer, share));
            lanes[lane].start();
        }
        for (Thread lane : lanes) {
            lane.join();
        }
        producer.flush();
    }

    private void lane(KafkaProducer<byte[], byte[]> producer, long records) {
        try {
            switch (words.get("mode")) {
                case "flood" -> flood(producer, records);
                case "await" -> sendAwaited(producer, records);
                default -> sendPaced(producer, records);
            }
        } catch (Exception failure) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private void flood(KafkaProducer<byte[], byte[]> producer, long records) {
        String topic = words.get("topic");
        Callback callback = (metadata, failure) -> known(failure);
        int at = 0;
        for (long index = 0; index < records; index++) {
            producer.send(new ProducerRecord<>(topic, record(at)), callback);
            at = next(at);
        }
    }

    private void sendAwaited(KafkaProducer<byte[], byte[]> producer, long records)
        throws Exception {
        String topic = words.get("topic");
        int at = 0;
        for (long index = 0; index < records; index++) {
            long due = System.nanoTime();
            producer.send(new ProducerRecord<>(topic, record(at))).get();
            latencies.record(System.nanoTime() - due);
            acknowledged.increment();
            at = next(at);
        }
    }

    /** What is due within a millisecond is sent together, as in the other programs. */
    private void sendPaced(KafkaProducer<byte[], byte[]> producer, long records)
        throws InterruptedException {
        String topic = words.get("topic");
        double perTick = (double) number("rate") / number("threads") / 1000;
        int brokers = (int) number("brokers");
        int late = Integer.parseInt(words.getOrDefault("late", "-1"));
        long start = System.nanoTime();
        int at = 0;
        for (long index = 0; index < records; index++) {
            long due = start + (long) (index / perTick) * 1_000_000L;
            long wait = due - System.nanoTime();
            if (wait > 0) {
                Thread.sleep(Duration.ofNanos(wait).toMillis() + 1);
            }
            producer.send(new ProducerRecord<>(topic, record(at)), (metadata, failure) -> {
                if (failure == null && (late < 0 || metadata.partition() % brokers != late)) {
                    latencies.record(System.nanoTime() - due);
                }
                known(failure);
            });
            at = next(at);
        }
    }

    private void known(Exception failure) {
        if (failure != null) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
        acknowledged.increment();
    }

    /** The producer takes whole arrays, so a record that lies within a larger one is copied. */
    private byte[] record(int at) {
        return Arrays.copyOfRange(payload, at, at + recordBytes);
    }

    private int next(int at) {
        return at + 2 * recordBytes > payload.length ? 0 : at + recordBytes;
    }

    private long number(String key) {
        return Long.parseLong(words.get(key));
    }

    private static long peakMemory() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        return 0;
    }

    /** All latencies in nanoseconds: there are some hundred thousand at most. */
    private static final class Latencies {
        private long[] all = new long[1024];
        private int size;

        synchronized void record(long nanos) {
            if (size == all.length) {
                all = Arrays.copyOf(all, 2 * size);
            }
            all[size++] = nanos;
        }

        synchronized void reset() {
            size = 0;
        }

        synchronized String toJson() {
            if (size == 0) {
                return "null";
            }
            long[] sorted = Arrays.copyOf(all, size);
            Arrays.sort(sorted);
            return String.format(Locale.ROOT, "{\"p50\":%f,\"p99\":%f,\"p999\":%f}",
                micros(sorted, 0.5), micros(sorted, 0.99), micros(sorted, 0.999));
        }

        private static double micros(long[] sorted, double quantile) {
            return sorted[Math.min((int) (quantile * sorted.length), sorted.length - 1)] / 1e3;
        }
    }
}
