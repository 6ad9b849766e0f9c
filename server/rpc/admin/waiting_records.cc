#include "server/rpc/admin/waiting_records.h"

#include <errno.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/iso_time.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// The file is slots of this size: the first has the magic text and the number of lost records, each other
/// one has room for a record. A slot is its digest, then its fields.
constexpr std::size_t kSlotBytes = 2'048;
constexpr std::size_t kDigestBytes = sizeof(std::uint64_t);
constexpr char kMagic[] = "mirror waiting records 1";
/// Time until a catalog that could not be written is tried again.
constexpr std::int64_t kAgainMs = 1'000;

void AppendNumber(std::uint64_t number, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void AppendText(std::string_view text, std::string* bytes) {
  AppendNumber(text.size(), bytes);
  bytes->append(text);
}

/// Reads fields from the front of a slot. Missing ones are 0 or empty.
class SlotReader {
 public:
  explicit SlotReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t Number() {
    std::uint64_t number = 0;
    if (bytes_.size() < sizeof(number)) return 0;
    memcpy(&number, bytes_.data(), sizeof(number));
    bytes_.remove_prefix(sizeof(number));
    return number;
  }
  std::string Text() {
    const std::size_t size = std::min<std::uint64_t>(Number(), bytes_.size());
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view bytes_;
};

/// `content`: at most kSlotBytes - kDigestBytes.
std::string SlotOf(std::string content) {
  content.resize(kSlotBytes - kDigestBytes, '\0');
  std::string slot;
  AppendNumber(ShortDigest(content), &slot);
  return slot + content;
}

/// Returns the content. Empty: the slot is torn.
std::string_view ContentOf(std::string_view slot) {
  const std::string_view content = slot.substr(kDigestBytes);
  return SlotReader(slot).Number() == ShortDigest(content) ? content : std::string_view();
}

std::string HeadContent(const WaitingRecords::Lost& lost) {
  std::string content;
  AppendText(kMagic, &content);
  AppendNumber(lost.records, &content);
  AppendNumber(static_cast<std::uint64_t>(lost.from_ms), &content);
  AppendNumber(static_cast<std::uint64_t>(lost.to_ms), &content);
  return content;
}

/// `number` 0: the slot is free.
std::string RecordContent(std::uint64_t number, const AuditRecord& record) {
  std::string content;
  AppendNumber(number, &content);
  AppendNumber(static_cast<std::uint64_t>(record.time_ms), &content);
  for (const std::string* const text : {&record.who, &record.call, &record.outcome})
    AppendText(*text, &content);
  return content;
}

absl::Status Failed(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

}  // namespace

std::unique_ptr<WaitingRecords> WaitingRecords::Open(const std::string& path, std::size_t places) {
  std::unique_ptr<WaitingRecords> opened(new WaitingRecords());
  absl::Status status = opened->OpenFile(path, places);
  if (status.ok()) status = opened->ReadAll();
  if (status.ok()) return opened;
  spdlog::error("'{}' cannot be used: {}. While the catalog cannot be written, operators' calls are refused",
                path, std::string(status.message()));
  return std::unique_ptr<WaitingRecords>(new WaitingRecords());
}

WaitingRecords::~WaitingRecords() {
  if (file_ >= 0) close(file_);
}

absl::Status WaitingRecords::OpenFile(const std::string& path, std::size_t places) {
  const std::size_t bytes = (places + 1) * kSlotBytes;
  struct stat info {};
  const bool is_there = stat(path.c_str(), &info) == 0;
  if (!is_there && errno != ENOENT) return Failed("its size cannot be read");
  const bool is_other = is_there && static_cast<std::size_t>(info.st_size) != bytes;
  if (is_other) {
    // It may have records, and their number is unknown.
    const std::string aside = path + ".unread";
    if (rename(path.c_str(), aside.c_str()) != 0) return Failed("it has another size and cannot be renamed");
    spdlog::error("'{}' has another size than this version writes, and is '{}' now", path, aside);
  }
  if (!is_there || is_other) {
    std::string content = SlotOf(HeadContent({}));
    const std::string none = SlotOf(RecordContent(0, {}));
    for (std::size_t i = 0; i < places; ++i) content += none;
    RETURN_IF_ERROR(WriteFileAtomically(path, content, FileUse::kSecret, ExistingFile::kReplace));
  }
  file_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file_ < 0) return Failed("it cannot be opened");
  places_ = places;
  if (is_other) NoteLost(NowMs());
  return absl::OkStatus();
}

absl::Status WaitingRecords::ReadAll() {
  std::string bytes((places_ + 1) * kSlotBytes, '\0');
  for (std::size_t read = 0; read < bytes.size();) {
    const ssize_t got = pread(file_, bytes.data() + read, bytes.size() - read, static_cast<off_t>(read));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failed("it cannot be read");
    read += static_cast<std::size_t>(got);
  }
  const auto slot = [&bytes](std::size_t number) {
    return std::string_view(bytes).substr(number * kSlotBytes, kSlotBytes);
  };
  SlotReader head(ContentOf(slot(0)));
  if (head.Text() == kMagic) {
    lost_.records = head.Number();
    lost_.from_ms = static_cast<std::int64_t>(head.Number());
    lost_.to_ms = static_cast<std::int64_t>(head.Number());
  } else {
    // The number of records that it had counted is not known.
    NoteLost(NowMs());
  }
  for (std::size_t i = places_; i > 0; --i) {
    const std::string_view content = ContentOf(slot(i));
    SlotReader reader(content);
    Waiting waiting{.number = reader.Number(), .slot = i};
    if (content.empty()) {
      // A write that the power cut: its caller got no answer, or the record was being removed.
      NoteLost(NowMs());
      // Otherwise each start would count it again.
      if (!WriteSlot(i, RecordContent(0, {})).ok()) continue;
    }
    if (waiting.number == 0) {
      free_.push_back(i);
      continue;
    }
    waiting.record.time_ms = static_cast<std::int64_t>(reader.Number());
    waiting.record.who = reader.Text();
    waiting.record.call = reader.Text();
    waiting.record.outcome = reader.Text();
    next_ = std::max(next_, waiting.number + 1);
    waiting_.push_back(std::move(waiting));
  }
  std::sort(waiting_.begin(), waiting_.end(),
            [](const Waiting& a, const Waiting& b) { return a.number < b.number; });
  return absl::OkStatus();
}

absl::Status WaitingRecords::WriteSlot(std::size_t slot, const std::string& content) const {
  const std::string bytes = SlotOf(content);
  ssize_t written = 0;
  do {
    written = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(slot * kSlotBytes));
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(bytes.size()) || fdatasync(file_) != 0)
    return Failed("it cannot be written");
  return absl::OkStatus();
}

absl::Status WaitingRecords::Put(const AuditRecord& record) {
  if (free_.empty()) return absl::ResourceExhaustedError("there is no place for one more waiting record");
  // Two equal ones would count as one, see Audit::WasKept(). All others keep their times.
  AuditRecord alone = record;
  const auto is_alike = [&alone](const Waiting& one) {
    return one.record.time_ms == alone.time_ms && one.record.who == alone.who &&
           one.record.call == alone.call && one.record.outcome == alone.outcome;
  };
  while (std::any_of(waiting_.begin(), waiting_.end(), is_alike)) ++alone.time_ms;
  const std::string content = RecordContent(next_, alone);
  if (content.size() > kSlotBytes - kDigestBytes) return absl::InvalidArgumentError("the record is too long");
  const std::size_t slot = free_.back();
  RETURN_IF_ERROR(WriteSlot(slot, content));
  free_.pop_back();
  waiting_.push_back({next_++, slot, std::move(alone)});
  return absl::OkStatus();
}

void WaitingRecords::RemoveFirst() {
  const std::size_t slot = waiting_.front().slot;
  waiting_.pop_front();
  if (const absl::Status freed = WriteSlot(slot, RecordContent(0, {})); !freed.ok()) {
    // The slot is not used again, so that the record is not taken for another one.
    spdlog::error("a record that waited is in its log now, but cannot be removed from its file: {}",
                  std::string(freed.message()));
    return;
  }
  free_.push_back(slot);
}

void WaitingRecords::NoteLost(std::int64_t time_ms) {
  if (lost_.records++ == 0) lost_.from_ms = time_ms;
  lost_.to_ms = time_ms;
  WriteLost();
}

void WaitingRecords::ForgetLost() {
  lost_ = {};
  WriteLost();
}

void WaitingRecords::WriteLost() const {
  if (file_ < 0) return;
  if (const absl::Status written = WriteSlot(0, HeadContent(lost_)); !written.ok())
    spdlog::error("the number of lost records was not written: {}", std::string(written.message()));
}

std::string LostWords(const WaitingRecords::Lost& lost, const std::string& noun) {
  return absl::StrCat(Counted(lost.records, noun), " from ", Iso8601(lost.from_ms), " to ",
                      Iso8601(lost.to_ms), " could not be kept");
}

bool IsResting(std::int64_t unkept_ms, std::int64_t now_ms) {
  return unkept_ms != 0 && now_ms >= unkept_ms && now_ms - unkept_ms < kAgainMs;
}

}  // namespace mirror
