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

// A folder of uploads has a name where several servers have the same mirrors: an upload's id begins with it,
// and a job's document says it. It goes with the files, and so does not change with an address.

namespace mirror {

struct UploadLimits {
  std::uint64_t file_bytes_max = 500'000'000;
  std::uint64_t key_bytes_max = 2'000'000'000;   ///< Of one key, together.
  std::uint64_t bytes_max = 10'000'000'000;      ///< Of all.
  std::uint64_t free_bytes_min = 1'000'000'000;  ///< On their disk, so that mirrors can still be written.
  std::size_t key_announced_max = 100;           ///< That one key announced, and nobody sent yet.
  std::int64_t kept_ms = 3'600'000;              ///< Until a job takes it.
};

/// Files of clients that wait for their import job, in `<data folder>/.uploads`. Each is on disk before its
/// link is answered, and gone when its job has ended, or nobody took it in time. Nothing in here looks into
/// them.
///
/// Errors of every call: kUnavailable: the disk, or it is nearly full.
/// Threads: any.
class Uploads {
 public:
  struct Upload {
    std::string id;      ///< Names it; whoever has the secret may send it.
    std::string key;     ///< Name of the API key that asked for it.
    std::string name;    ///< As its owner calls it.
    std::string secret;  ///< Empty: it was sent.
    std::uint64_t bytes = 0;
    /// Since when it waits: its link was given, then the file was whole.
    std::int64_t since_ms = 0;
    std::string job;  ///< That has it; empty: none.
    bool is_there = false;
    bool is_own = false;  ///< It came with its job.
  };

  /// What a body is written to.
  class Sink : public HttpBodySink {
   public:
    /// SHA-256 of what came, as 64 hexadecimal digits.
    virtual std::string Hash() = 0;
    /// It is on disk when it returns, and kept from `now_ms` on.
    virtual absl::Status Finish(std::int64_t now_ms) = 0;
  };

  /// `name`: of the folder, see NameUploadFolder(); empty: no other server has the same mirrors. `counters`
  /// outlive it.
  Uploads(std::string folder, const UploadLimits& limits, std::string name = "",
          DoorCounters& counters = UnwatchedDoor())
      : folder_(std::move(folder)), limits_(limits), name_(std::move(name)), counters_(counters) {}

  /// Makes the folder, and finds what a former process left. Gives those that a job has. What a kill cut off
  /// is removed; what cannot be read stays, see unread().
  absl::StatusOr<std::vector<Upload>> Open();
  /// Uploads that Open() could not read, and why, by id: nobody gets them, and their files stay.
  const std::map<std::string, std::string>& unread() const { return unread_; }

  /// A place for a file: the secret is what its sender shows. Errors: kResourceExhausted: the key has too
  /// much, or announced too many; kUnavailable: all keys have too much, or the disk.
  absl::StatusOr<Upload> Expect(const std::string& key, const std::string& name, std::int64_t now_ms);
  /// Whether Receive() would take a file with this secret, and the name of the key that asked for it. Errors:
  /// kNotFound.
  absl::StatusOr<std::string> Expects(const std::string& secret, std::int64_t now_ms);
  /// Takes the file that was announced with this secret, once: an unfinished one leaves nothing. Errors:
  /// kNotFound: unknown, used, or late.
  absl::StatusOr<std::shared_ptr<Sink>> Receive(const std::string& secret, std::int64_t now_ms);
  /// Takes a file that comes with its job. Its upload is TakeFor()'s once it is finished.
  absl::StatusOr<std::shared_ptr<Sink>> ReceiveOwn(const std::string& key, const std::string& name,
                                                   std::uint64_t bytes_max, std::int64_t now_ms,
                                                   std::string* id);

  /// Absent: there is no such upload that was sent.
  std::optional<Upload> Find(const std::string& id);
  /// An upload of `key`: nobody else gets it from now on, also after a restart. Errors: kNotFound: it is not
  /// there, another key sent it, or another job has it.
  absl::Status TakeFor(const std::string& job, const std::string& key, const std::string& id);
  /// The job of that was not made after all: it waits for another one, or goes when it came with
  /// that job.
  void GiveBack(const std::string& job, const std::string& id);
  std::string PathOf(const std::string& id) const;
  void Remove(const std::string& id);
  /// Of all files that are there, and those that come.
  std::uint64_t FindBytes();
  /// Removes what nobody took in time.
  void KeepHouse(std::int64_t now_ms);

 private:
  class FileSink;
  /// The upload that waits for this secret. Errors: kNotFound.
  absl::StatusOr<Upload*> FindExpected(const std::string& secret, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  Upload Add(const std::string& key, const std::string& name, const std::string& secret, std::int64_t now_ms)
      MIRROR_REQUIRES(mutex_);
  /// `is_nearly_full`: the disk, which is asked before the lock is taken.
  absl::Status CheckRoom(const std::string& key, std::uint64_t more, bool is_nearly_full)
      MIRROR_REQUIRES(mutex_);
  bool IsLate(const Upload& upload, std::int64_t now_ms) const;
  absl::Status Count(const std::string& id, std::uint64_t more);
  absl::Status Finished(const std::string& id, std::int64_t now_ms);
  /// As the upload is now, whoever changed it: of two that write it the later one does not write less.
  absl::Status WriteNote(const std::string& id) MIRROR_EXCLUDES(noting_, mutex_);
  /// What the note and the file of this id say. Absent: a kill cut it off. Errors: it cannot be read now.
  absl::StatusOr<std::optional<Upload>> ReadUpload(const std::string& id) const;
  std::string NoteOf(const std::string& id) const;

  const std::string folder_;
  const UploadLimits limits_;
  const std::string name_;
  DoorCounters& counters_;
  std::map<std::string, std::string> unread_;  ///< Of Open().
  Mutex noting_;                               ///< Held while a note is written; before `mutex_`.
  Mutex mutex_;
  std::map<std::string, Upload> uploads_ MIRROR_GUARDED_BY(mutex_);  ///< By id.
};

/// In the folder; no upload's.
inline constexpr char kUploadFolderNote[] = "server";

/// The name, which is made with the folder. Errors: kUnavailable: the disk; those of ReadKeyFile().
absl::StatusOr<std::string> NameUploadFolder(const std::string& folder);
/// The id of a new upload. `folder`: its name; empty: it has none.
std::string NewUploadId(const std::string& folder);
/// The name of the folder that an upload is in; empty: the id has none.
std::string FolderOfUpload(const std::string& id);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_UPLOADS_H_
