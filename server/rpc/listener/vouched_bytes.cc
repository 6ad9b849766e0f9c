#include "server/rpc/listener/vouched_bytes.h"

#include <utility>

#include "absl/strings/str_replace.h"

namespace mirror {

std::string PeerName(std::string_view grpc_peer) {
  std::string name = absl::StrReplaceAll(std::string(grpc_peer), {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
  const std::size_t scope = name.find('%'), end = name.find(']');
  if (scope != std::string::npos && end != std::string::npos && scope < end) name.erase(scope, end - scope);
  return name;
}

void VouchedBytes::Begin(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_[peer] = {};
}

void VouchedBytes::End(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_.erase(peer);
}

VouchedBytes::Entry* VouchedBytes::FindEntry(const std::string& name) {
  const auto found = connections_.find(name);
  return found == connections_.end() ? nullptr : &found->second;
}

void VouchedBytes::Vouch(std::string_view peer, std::uint64_t bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) entry->report.bytes += bytes;
}

void VouchedBytes::NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  Entry* const entry = FindEntry(name);
  if (entry == nullptr) return;
  ++entry->report.empty_calls;
  entry->report.other_bytes += other_bytes;
}

void VouchedBytes::NoteRefusedCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->report.refused_calls;
}

void VouchedBytes::NoteOpenCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->report.open_calls;
}

void VouchedBytes::Hold(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (Entry* const entry = FindEntry(name)) ++entry->held;
}

void VouchedBytes::Release(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  // Another connection may have the name by now.
  Entry* const entry = FindEntry(name);
  if (entry != nullptr && entry->held > 0) --entry->held;
}

bool VouchedBytes::Holds(const std::string& peer) {
  const MutexLock lock(mutex_);
  const Entry* const entry = FindEntry(peer);
  return entry != nullptr && entry->held > 0;
}

std::vector<VouchedBytes::Report> VouchedBytes::Take(const std::vector<const std::string*>& peers) {
  std::vector<Report> reports(peers.size());
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (Entry* const entry = FindEntry(*peers[i])) reports[i] = std::exchange(entry->report, {});
  }
  return reports;
}

}  // namespace mirror
