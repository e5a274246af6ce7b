import java.io.DataInputStream;
import java.io.FileInputStream;
import java.nio.ByteBuffer;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;

/** Says of each partition's bytes in a file what a broker would: a line "taken", or why not. */
public class Judge {
    private static final long HOUR_MS = 3_600_000;

    public static void main(String[] args) throws Exception {
        try (var file = new DataInputStream(new FileInputStream(args[0]))) {
            for (int left = file.readInt(); left > 0; left--) {
                byte[] bytes = file.readNBytes(file.readInt());
                System.out.println(judge(bytes));
            }
        }
    }

    private static String judge(byte[] bytes) {
        try {
            append(MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)));
            return "taken";
        } catch (Throwable e) { // decompressors throw errors, too
            return "refused: " + e.getClass().getSimpleName();
        }
    }

    /** What KafkaApis, and then UnifiedLog.append, do with a client's records. */
    private static void append(MemoryRecords records) {
        ProduceRequest.validateRecords((short) 12, records);
        CompressionType codec = CompressionType.NONE;
        for (MutableRecordBatch batch : records.batches()) {
            if (batch.baseOffset() != 0) {
                throw new InvalidRecordException("the base offset of a client's batch is 0");
            }
            batch.ensureValid();
            codec = batch.compressionType();
        }
        var validator = new LogValidator(
            records, new TopicPartition("topic", 0), Time.SYSTEM, codec,
            Compression.of(codec).build(), false, RecordBatch.CURRENT_MAGIC_VALUE,
            TimestampType.CREATE_TIME, Long.MAX_VALUE, HOUR_MS, 0, AppendOrigin.CLIENT);
        validator.validateMessagesAndAssignOffsets(
            PrimitiveRef.ofLong(0), new Uncounted(), BufferSupplier.NO_CACHING);
    }

    private static class Uncounted implements LogValidator.MetricsRecorder {
        public void recordInvalidMagic() {}
        public void recordInvalidOffset() {}
        public void recordInvalidSequence() {}
        public void recordInvalidChecksums() {}
        public void recordNoKeyCompactedTopic() {}
    }
}
