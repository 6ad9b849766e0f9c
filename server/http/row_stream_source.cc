#include "server/http/row_stream_source.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json_writer.h"
#include "base/mutex.h"
#include "proto/wire/json_rows.h"

namespace mirror {
namespace {

constexpr std::size_t kPiecesMax = 4;
constexpr std::size_t kStreamBlockBytes = 128 << 10;

class RowStreamSource final : public HttpBodySource {
 public:
  RowStreamSource(CommittedReading reading, std::vector<std::uint32_t> columns, std::shared_ptr<void> place,
                  DoorCounters& counters)
      : place_(std::move(place)),
        counters_(counters),
        reading_(std::move(reading)),
        columns_(std::move(columns)),
        rows_(reading_.kept, columns_),
        reader_([this] { Read(); }) {}
  ~RowStreamSource() override {
    {
      const MutexLock lock(mutex_);
      is_left_ = true;
      changed_.NotifyAll();
    }
    reader_.join();
    (is_given_ ? counters_.streams_whole : counters_.streams_cut).Add();
  }
  RowStreamSource(const RowStreamSource&) = delete;
  RowStreamSource& operator=(const RowStreamSource&) = delete;

  absl::StatusOr<bool> Next(std::string* piece) override {
    const MutexLock lock(mutex_);
    while (pieces_.empty() && !is_read_) changed_.Wait(mutex_);
    if (pieces_.empty()) {
      if (!status_.ok()) return status_;
      is_given_ = true;
      piece->clear();
      return false;
    }
    *piece = std::move(pieces_.front());
    pieces_.pop_front();
    changed_.NotifyAll();
    // Before the last piece leaves: a client that has read to the end may begin the next stream.
    if (is_whole_ && pieces_.empty()) GiveBack();
    return true;
  }

 private:
  void Read() {
    absl::Status status;
    try {
      status = ReadAll();
    } catch (const std::exception&) {
      // For example for want of memory: only this stream is cut.
      status = absl::UnavailableError("");
    }
    const MutexLock lock(mutex_);
    status_ = std::move(status);
    is_read_ = true;
    changed_.NotifyAll();
  }

  absl::Status ReadAll() {
    std::uint64_t count = 0;
    absl::Status status = reading_.snapshot->ReadRows(
        reading_.kept, columns_, {}, kStreamBlockBytes, [this] { return !IsLeft(); },
        [&](RowBlock* block) -> absl::Status {
          // No order is needed: the rows come as the snapshot has them.
          const ChangeBatch batch = ViewOf(reading_.kept, block);
          std::string piece;
          piece.reserve(2 * kStreamBlockBytes);
          for (std::uint32_t row = 0; row < batch.row_count; ++row) {
            rows_.Append(batch.columns, row, &piece);
            piece.push_back('\n');
          }
          count += batch.row_count;
          counters_.stream_rows.Add(batch.row_count);
          return Push(std::move(piece));
        });
    if (status.ok()) {
      JsonWriter last;
      last.Begin('{')
          .Key("_end")
          .Bool(true)
          .Member("rows", count)
          .Key("lsn")
          .Number(reading_.record.position.lsn.value);
      status = Push(last.End('}').Take() + "\n", /*is_last=*/true);
    }
    return status;
  }

  bool IsLeft() {
    const MutexLock lock(mutex_);
    return is_left_;
  }

  void GiveBack() {
    reading_.snapshot.reset();
    reading_.place.reset();
    place_.reset();
  }

  absl::Status Push(std::string piece, bool is_last = false) {
    const MutexLock lock(mutex_);
    while (pieces_.size() >= kPiecesMax && !is_left_) changed_.Wait(mutex_);
    if (is_left_) return absl::CancelledError("the reader disconnected");
    pieces_.push_back(std::move(piece));
    is_whole_ = is_last;
    changed_.NotifyAll();
    return absl::OkStatus();
  }

  std::shared_ptr<void> place_;
  DoorCounters& counters_;
  bool is_given_ = false;  ///< To its end; used by the sender.
  CommittedReading reading_;
  const std::vector<std::uint32_t> columns_;
  const JsonRows rows_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> pieces_ MIRROR_GUARDED_BY(mutex_);
  bool is_whole_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Reading is complete.
  bool is_read_ MIRROR_GUARDED_BY(mutex_) = false;
  bool is_left_ MIRROR_GUARDED_BY(mutex_) = false;
  absl::Status status_ MIRROR_GUARDED_BY(mutex_);
  std::thread reader_;  ///< Last member: it uses the others.
};

absl::Status TooMany(std::size_t count, const std::string& what, std::string_view whose) {
  return absl::ResourceExhaustedError(absl::StrCat(
      count, " ", what, std::string(whose), " already. Nothing was read; try again when one has ended."));
}

template <class Counts, class Name>
void TakeOff(Counts* counts, const Name& name) {
  const auto found = counts->find(name);
  if (found != counts->end() && --found->second == 0) counts->erase(found);
}

template <class Counts, class Name>
std::size_t CountOf(const Counts& counts, const Name& name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

StreamPlaces::StreamPlaces(std::size_t most, DoorCounters& counters, std::string what)
    : most_(most),
      most_of_key_(std::max<std::size_t>(1, most / 2)),
      counters_(counters),
      what_(std::move(what)) {}

absl::StatusOr<std::shared_ptr<void>> StreamPlaces::Take(const std::string& key, const std::string& tenant) {
  const std::pair both(key, tenant);
  {
    const MutexLock lock(state_->mutex);
    const bool are_all_taken = state_->count >= most_;
    if (are_all_taken || CountOf(state_->of_key, key) >= most_of_key_) {
      counters_.Limit(DoorLimit::kStreams);
      return are_all_taken ? TooMany(most_, what_, "") : TooMany(most_of_key_, what_, " with this key");
    }
    if (CountOf(state_->of_key_and_tenant, both) >= kStreamsOfKeyMax) {
      counters_.Limit(DoorLimit::kStreamsOfSource);
      return TooMany(kStreamsOfKeyMax, what_, " of this data source with this key");
    }
    ++state_->count;
    ++state_->of_key[key];
    ++state_->of_key_and_tenant[both];
  }
  return std::shared_ptr<void>(static_cast<void*>(state_.get()), [state = state_, both](void*) {
    const MutexLock lock(state->mutex);
    --state->count;
    TakeOff(&state->of_key, both.first);
    TakeOff(&state->of_key_and_tenant, both);
  });
}

std::size_t StreamPlaces::count() const {
  const MutexLock lock(state_->mutex);
  return state_->count;
}

absl::StatusOr<std::unique_ptr<HttpBodySource>> StreamRows(CommittedReading reading,
                                                           std::vector<std::uint32_t> columns,
                                                           std::shared_ptr<void> place,
                                                           DoorCounters& counters) {
  try {
    return std::make_unique<RowStreamSource>(std::move(reading), std::move(columns), std::move(place),
                                             counters);
  } catch (const std::system_error&) {
    return absl::UnavailableError(
        "the system cannot start a thread for it now. Nothing was read; try again later.");
  }
}

}  // namespace mirror
