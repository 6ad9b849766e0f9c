#ifndef MIRROR_SERVER_JOBS_UPLOADS_H_
#define MIRROR_SERVER_JOBS_UPLOADS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/mutex.h"
#include "server/watch/door_counters.h"

// If several servers have the same mirrors, a folder of uploads has a name. The ids of its uploads begin with
// this name, and a job's document has it. The name stays with the files, even if the server's address
// changes.

namespace mirror {

struct UploadLimits {
  std::uint64_t file_bytes_max = 500'000'000;
  std::uint64_t key_bytes_max = 2'000'000'000;   ///< For one key, together.
  std::uint64_t bytes_max = 10'000'000'000;      ///< For all keys.
  std::uint64_t free_bytes_min = 1'000'000'000;  ///< Minimum of free bytes on the disk, so that mirrors can
                                                 ///< still be written.
  std::size_t key_announced_max = 100;           ///< Announced by one key, and not sent yet.
  std::int64_t kept_ms = 3'600'000;              ///< Until a job takes it.
};

/// Files of clients that wait for their import job, in `<data folder>/.uploads`. A file is on disk before the
/// call that sent it is answered. It is removed when its job has ended, or when no job took it in time. This
/// class never reads the content of the files.
///
/// Errors of every call: kUnavailable: the disk, or it is nearly full.
/// Threads: any.
class Uploads {
 public:
  struct Upload {
    std::string id;      ///< Its name; a client with the secret may send it.
    std::string key;     ///< Name of the API key that asked for it.
    std::string name;    ///< The name that its owner gave it.
    std::string secret;  ///< Empty: the file was received.
    std::uint64_t bytes = 0;
    /// When it began to wait, unix milliseconds: the time of its link, then the time when the file was
    /// complete.
    std::int64_t since_ms = 0;
    std::string job;  ///< The job that has it; empty: none.
    bool is_there = false;
    bool is_own = false;  ///< The file came in the same call as its job.
  };

  /// Receives a body and writes it to a file.
  class Sink : public HttpBodySink {
   public:
    /// Returns the SHA-256 of the received bytes, as 64 hexadecimal digits.
    virtual std::string Hash() = 0;
    /// The file is on disk when this returns, and kept from `now_ms` on.
    virtual absl::Status Finish(std::int64_t now_ms) = 0;
  };

  /// `name`: the folder's, see NameUploadFolder(); empty: no other server has the
  /// same mirrors. `counters` must outlive it.
  Uploads(std::string folder, const UploadLimits& limits, std::string name = "",
          DoorCounters& counters = UnwatchedDoor())
      : folder_(std::move(folder)), limits_(limits), name_(std::move(name)), counters_(counters) {}

  /// Creates the folder, and finds the files of former processes. Returns the uploads that have a job.
  /// Removes files that a kill left incomplete. Files that cannot be read stay, see unread().
  absl::StatusOr<std::vector<Upload>> Open();
  /// Uploads that Open() could not read, and why, by id: no job gets them, and their files stay.
  const std::map<std::string, std::string>& unread() const { return unread_; }

  /// Reserves a place for a file: its sender shows the secret. Errors: kResourceExhausted: the key has too
  /// much, or announced too many; kUnavailable: all keys together have too much, or the disk.
  absl::StatusOr<Upload> Expect(const std::string& key, const std::string& name, std::int64_t now_ms);
  /// Returns the name of the key that asked for the file with this secret, if
  /// Receive() would take it now. Errors: kNotFound.
  absl::StatusOr<std::string> Expects(const std::string& secret, std::int64_t now_ms);
  /// Receives the file that was announced with this secret, once: an unfinished file leaves
  /// nothing. Errors: kNotFound: unknown, used, or late.
  absl::StatusOr<std::shared_ptr<Sink>> Receive(const std::string& secret, std::int64_t now_ms);
  /// Receives a file that comes with its job. TakeFor() can take its upload once it is finished.
  absl::StatusOr<std::shared_ptr<Sink>> ReceiveOwn(const std::string& key, const std::string& name,
                                                   std::uint64_t bytes_max, std::int64_t now_ms,
                                                   std::string* id);

  /// Finds an upload. Absent: no upload with this id was sent.
  std::optional<Upload> Find(const std::string& id);
  /// Gives an upload of `key` to a job: no other job gets it from now on, also after a restart. Errors:
  /// kNotFound: it does not exist, another key sent it, or another job has it.
  absl::Status TakeFor(const std::string& job, const std::string& key, const std::string& id);
  /// Called if the job was not created. The upload waits for another job, or is removed if it came with that
  /// job.
  void GiveBack(const std::string& job, const std::string& id);
  std::string PathOf(const std::string& id) const;
  void Remove(const std::string& id);
  /// Returns the bytes of all files, including those that are being received.
  std::uint64_t FindBytes();
  /// Removes the uploads that no job took in time.
  void KeepHouse(std::int64_t now_ms);

 private:
  class FileSink;
  /// Finds the upload that waits for this secret. Errors: kNotFound.
  absl::StatusOr<Upload*> FindExpected(const std::string& secret, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  Upload Add(const std::string& key, const std::string& name, const std::string& secret, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  /// `is_nearly_full`: the state of the disk, which is checked before the lock is taken.
  absl::Status CheckRoom(const std::string& key, std::uint64_t more, bool is_nearly_full)
      MIRROR_REQUIRES(mutex_);
  /// Makes the file of an upload; one that cannot be made is removed from the list.
  absl::StatusOr<std::shared_ptr<Sink>> MakeSink(const std::string& id, std::uint64_t bytes_max);
  bool IsLate(const Upload& upload, std::int64_t now_ms) const;
  absl::Status Count(const std::string& id, std::uint64_t more);
  absl::Status Finished(const std::string& id, std::int64_t now_ms);
  /// Writes the upload's present state. Any thread may have changed it; of two writers, the later one writes
  /// the newer state.
  absl::Status WriteNote(const std::string& id) MIRROR_EXCLUDES(noting_, mutex_);
  /// Reads the note and the file of this id. Absent: a kill cut it off. Errors: it cannot be read now.
  absl::StatusOr<std::optional<Upload>> ReadUpload(const std::string& id) const;
  std::string NoteOf(const std::string& id) const;

  const std::string folder_;
  const UploadLimits limits_;
  const std::string name_;
  DoorCounters& counters_;
  std::map<std::string, std::string> unread_;  ///< Set by Open().
  Mutex noting_;                               ///< Held while a note is written; before `mutex_`.
  Mutex mutex_;
  std::map<std::string, Upload> uploads_ MIRROR_GUARDED_BY(mutex_);  ///< By id.
};

/// A file in the folder that belongs to no upload.
inline constexpr char kUploadFolderNote[] = "server";

/// Returns the name, which is made with the folder. Errors: kUnavailable: the disk; those of ReadKeyFile().
absl::StatusOr<std::string> NameUploadFolder(const std::string& folder);
/// Returns the id of a new upload. `folder`: the folder's name; empty: it has none.
std::string NewUploadId(const std::string& folder);
/// Returns the name of the folder that an upload is in; empty: the id has none.
std::string FolderOfUpload(const std::string& id);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_UPLOADS_H_
