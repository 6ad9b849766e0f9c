#include "server/rpc/listener/authenticated_traffic.h"

#include <utility>

#include "absl/strings/str_replace.h"

namespace mirror {

std::string PeerName(std::string_view grpc_peer) {
  std::string name = absl::StrReplaceAll(std::string(grpc_peer), {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
  const std::size_t scope = name.find('%'), end = name.find(']');
  if (scope != std::string::npos && end != std::string::npos && scope < end) name.erase(scope, end - scope);
  return name;
}

void AuthenticatedTraffic::Begin(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_[peer] = {};
}

void AuthenticatedTraffic::End(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_.erase(peer);
}

AuthenticatedTraffic::Entry* AuthenticatedTraffic::FindEntry(const std::string& name) {
  const auto found = connections_.find(name);
  return found == connections_.end() ? nullptr : &found->second;
}

void AuthenticatedTraffic::Vouch(std::string_view peer, std::uint64_t bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) entry->report.bytes += bytes;
}

void AuthenticatedTraffic::NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  Entry* const entry = FindEntry(name);
  if (entry == nullptr) return;
  ++entry->report.empty_calls;
  entry->report.other_bytes += other_bytes;
}

void AuthenticatedTraffic::NoteRefusedCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->report.refused_calls;
}

void AuthenticatedTraffic::NoteOpenCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->report.open_calls;
}

void AuthenticatedTraffic::Hold(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->held;
}

void AuthenticatedTraffic::Release(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  // Another connection may have the name by now.
  Entry* const entry = FindEntry(name);
  if (entry != nullptr && entry->held > 0) --entry->held;
}

bool AuthenticatedTraffic::Holds(const std::string& peer) {
  const MutexLock lock(mutex_);
  const Entry* const entry = FindEntry(peer);
  return entry != nullptr && entry->held > 0;
}

std::vector<AuthenticatedTraffic::Report> AuthenticatedTraffic::Take(
    const std::vector<const std::string*>& peers) {
  std::vector<Report> reports(peers.size());
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (Entry* const entry = FindEntry(*peers[i])) reports[i] = std::exchange(entry->report, {});
  }
  return reports;
}

}  // namespace mirror
