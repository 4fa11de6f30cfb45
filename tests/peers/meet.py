"""A participant with the unchanged Python SDK: publishes a moving picture and a 440 Hz tone, and prints what it got of
the others as one line of JSON. Arguments: URL TOKEN SECONDS single|dual LINGER, where LINGER is how many seconds it stays
when it has seen enough."""

import asyncio
import json
import math
import sys
import time

from livekit import rtc

WIDTH, HEIGHT, RATE = 640, 360, 48_000


async def paint(source):
    step = 0
    while True:
        shade = (step * 4) % 256
        frame = bytes([shade, 128, 255 - shade, 255]) * (WIDTH * HEIGHT)
        source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, frame))
        step += 1
        await asyncio.sleep(1 / 20)


async def sing(source):
    samples, at = RATE // 100, 0
    while True:
        frame = rtc.AudioFrame.create(RATE, 1, samples)
        for i in range(samples):
            frame.data[i] = int(9000 * math.sin(2 * math.pi * 440 * (at + i) / RATE))
        at += samples
        await source.capture_frame(frame)


async def watch(track, got):
    async for event in rtc.VideoStream(track):
        got["frames"] += 1
        got["width"] = max(got["width"], event.frame.width)


async def hear(track, got):
    async for event in rtc.AudioStream(track):
        loudest = max((abs(s) for s in event.frame.data), default=0)
        got["loudest"] = max(got["loudest"], loudest)


async def main():
    url, token, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    got = {"frames": 0, "loudest": 0, "width": 0, "data": [], "left": "", "participants": []}
    room, tasks = rtc.Room(), []

    @room.on("track_subscribed")
    def _(track, _publication, _participant):
        work = watch if track.kind == rtc.TrackKind.KIND_VIDEO else hear
        tasks.append(asyncio.create_task(work(track, got)))

    @room.on("data_received")
    def _(packet):
        who = packet.participant.identity if packet.participant else ""
        got["data"].append([who, packet.topic or "", packet.data.decode()])

    @room.on("disconnected")
    def _(reason):
        got["left"] = str(reason)

    shape = rtc.RoomOptions(single_peer_connection=sys.argv[4] == "single")
    await room.connect(url, token, options=shape)
    picture, sound = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(RATE, 1)
    tasks += [asyncio.create_task(paint(picture)), asyncio.create_task(sing(sound))]
    me = room.local_participant
    camera = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await me.publish_track(rtc.LocalVideoTrack.create_video_track("picture", picture), camera)
    await me.publish_track(rtc.LocalAudioTrack.create_audio_track("tone", sound), microphone)
    until, enough = time.monotonic() + seconds, None
    while time.monotonic() < until and not got["left"]:
        await me.publish_data("早上好", reliable=True, topic="test")
        await asyncio.sleep(0.25)
        if got["frames"] > 100 and got["loudest"] > 500 and got["data"] and enough is None:
            # Stay a little: the other must see as much.
            enough = time.monotonic() + float(sys.argv[5])
        if enough and time.monotonic() > enough:
            break
    got["participants"] = [[p.identity, p.name] for p in room.remote_participants.values()]
    for task in tasks:
        task.cancel()
    await room.disconnect()
    print(json.dumps(got), flush=True)


asyncio.run(main())
