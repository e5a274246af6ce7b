//! Batches in Kafka's own segment files: `00000000000000000000.log` and so on, each named by the
//! offset it starts at and holding batches end to end, as `DumpLogSegments` reads them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::batch::{BatchHeader, HEADER_BYTES};

/// `log.segment.bytes`.
const SEGMENT_BYTES: u64 = 1 << 30;

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    segment: usize,
    position: u64,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    size: u64,
}

/// The segment files of one partition, the last of which is being written.
#[derive(Debug)]
pub(crate) struct Segments {
    directory: PathBuf,
    segments: Vec<Segment>,
}

impl Segments {
    /// Opens a partition's directory, making it if need be, and finds the batches in it.
    ///
    /// What follows the first invalid batch is cut off, as Kafka's log recovery does.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Vec<(BatchHeader, Place)>)> {
        fs::create_dir_all(directory)?;
        let mut this = Self { directory: directory.to_owned(), segments: Vec::new() };
        let mut found = Vec::new();
        let mut torn = false;
        for path in segment_paths(directory)? {
            if torn {
                fs::remove_file(path)?;
                continue;
            }
            torn = this.load(path, &mut found)?;
        }
        Ok((this, found))
    }

    /// Writes a batch at the end.
    pub(crate) fn append(&mut self, base_offset: i64, batch: &[u8]) -> io::Result<Place> {
        let full = self.segments.last().is_none_or(|last| last.size >= SEGMENT_BYTES);
        if full {
            let path = self.directory.join(format!("{base_offset:020}.log"));
            self.segments.push(Segment { file: open_file(&path)?, path, size: 0 });
        }
        let segment = self.segments.len() - 1;
        let last = &mut self.segments[segment];
        let place = Place { segment, position: last.size };
        if let Err(error) = last.write_at(place.position, batch) {
            // What did arrive of it must not stand before the next batch.
            last.file.set_len(last.size)?;
            return Err(error);
        }
        last.size += batch.len() as u64;
        Ok(place)
    }

    /// Reads a batch back.
    pub(crate) fn read(&self, place: Place, size: usize) -> io::Result<Bytes> {
        let segment = self.segments.get(place.segment).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; size];
        let mut file = &segment.file;
        file.seek(SeekFrom::Start(place.position))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Cuts off the batch at `place` and all that follow.
    pub(crate) fn truncate(&mut self, place: Place) -> io::Result<()> {
        for segment in self.segments.drain(place.segment + 1..) {
            fs::remove_file(segment.path)?;
        }
        let Some(last) = self.segments.last_mut() else { return Ok(()) };
        last.size = place.position;
        last.file.set_len(place.position)
    }

    /// Takes up one segment; true if it ended in something that is no batch.
    fn load(&mut self, path: PathBuf, found: &mut Vec<(BatchHeader, Place)>) -> io::Result<bool> {
        let file = open_file(&path)?;
        let length = file.metadata()?.len();
        let mut segment = Segment { path, file, size: 0 };
        let index = self.segments.len();
        let mut expected = found.last().map_or(0, |(header, _)| header.last_offset() + 1);
        while let Some(header) = segment.batch_at(segment.size, length)? {
            if header.base_offset < expected {
                break;
            }
            expected = header.last_offset() + 1;
            found.push((header, Place { segment: index, position: segment.size }));
            segment.size += header.size as u64;
        }
        let torn = segment.size < length;
        if torn {
            segment.file.set_len(segment.size)?;
        }
        self.segments.push(segment);
        Ok(torn)
    }
}

impl Segment {
    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position))?;
        self.file.write_all(bytes)
    }

    /// The header of the batch at `position` if a whole, intact one stands there.
    fn batch_at(&mut self, position: u64, length: u64) -> io::Result<Option<BatchHeader>> {
        if position + HEADER_BYTES as u64 > length {
            return Ok(None);
        }
        let mut head = [0; HEADER_BYTES];
        self.file.seek(SeekFrom::Start(position))?;
        self.file.read_exact(&mut head)?;
        let Some(header) = BatchHeader::parse(&head) else { return Ok(None) };
        if header.magic != 2 || position + header.size as u64 > length {
            return Ok(None);
        }
        let mut batch = head.to_vec();
        (&self.file).take((header.size - HEADER_BYTES) as u64).read_to_end(&mut batch)?;
        Ok(header.crc_matches(&batch).then_some(header))
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The directory's segment files, oldest first.
fn segment_paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
