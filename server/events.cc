#include "server/events.h"

#include <spdlog/spdlog.h>

#include "server/log_text.h"

namespace mirror {
namespace {

spdlog::level::level_enum LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return spdlog::level::err;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kInformation:
      break;
  }
  return spdlog::level::info;
}

}  // namespace

void Events::Add(const std::string& context_id, Severity severity, std::string_view kind,
                 const std::string& message) {
  EventRecord event;
  event.context_id = context_id;
  event.severity = severity;
  event.kind = std::string(kind);
  event.message = message;
  counters_.events.at(static_cast<std::size_t>(severity)).Add();
  const absl::StatusOr<EventRecord> kept = catalog_.AddEvent(event);
  // Names of tables may hold anything, line ends too.
  spdlog::log(LevelOf(severity), "event {} {}: {}", event.kind, context_id.empty() ? "-" : context_id,
              OneLine(message));
  if (!kept.ok()) spdlog::error("this event was not kept: {}", std::string(kept.status().message()));
  {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  added_.notify_all();
}

absl::StatusOr<std::vector<EventRecord>> Events::Last(const std::string& context_id, std::uint32_t limit) {
  return catalog_.LastEvents(context_id, limit);
}

absl::StatusOr<std::vector<EventRecord>> Events::After(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) {
  return catalog_.EventsAfter(context_id, after_id, limit);
}

void Events::Wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = count_;
  added_.wait_for(lock, patience, [&] { return count_ != before; });
}

}  // namespace mirror
